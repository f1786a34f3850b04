--- What of provenance.json may explain that two runs' numbers differ: part -> keys.
return {
  program = { "version", "commit", "dirty" },
  device = { "device", "cpu", "isa", "threads", "engine", "compiler", "gpu", "gpu_driver", "cublas", "cudnn" },
}
