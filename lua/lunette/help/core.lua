-- lunette.NAME: what makes tensors, and what the program as a whole can be asked. See entries.lua for the form of a row.

local dtype = { "dtype", "dtype = \"f32\"", "type of the elements" }
local device = { "device", "\"cpu\"|\"cuda\" = \"cpu\"", "where the elements lie" }
local grad = { "requires_grad", "boolean = false", "whether gradients are to be collected in .grad" }
local seed = { "seed", "integer?", "makes the numbers a function of seed, stream and position; without it manual_seed and earlier "
  .. "calls count" }
local stream = { "stream", "string?", "name of a sequence of its own under the seed" }
local sizes = { "sizes", "integer...|integer[]", "one number per axis, at least 0, or one list of them" }

return {
  { name = "tensor", doc = "A tensor of these numbers.",
    args = { { "value", "number|boolean|table", "a scalar, or tables nested once per axis; all tables of one depth have one length" } },
    options = { dtype, device, grad }, returns = { { "tensor", "of the shape of the nesting" } },
    fails = "lunette.tensor({{1, 2}, {3}})", example = "print(lunette.tensor({{1, 2}, {3, 4}}):sum():item())" },
  { name = "zeros", doc = "A tensor of zeros.", args = { sizes }, options = { dtype, device, grad }, returns = { { "tensor", "(sizes)" } },
    fails = "lunette.zeros(-1)", example = "print(lunette.zeros(2, 3))" },
  { name = "ones", doc = "A tensor of ones.", args = { sizes }, options = { dtype, device, grad }, returns = { { "tensor", "(sizes)" } },
    fails = "lunette.ones(2.5)", example = "print(lunette.ones({2, 3}, {dtype = \"i64\"}))" },
  { name = "full", doc = "A tensor in which every element is one value.",
    args = { { "sizes", "integer[]", "one number per axis" }, { "value", "number", "of every element" } },
    options = { dtype, device, grad }, returns = { { "tensor", "(sizes)" } },
    fails = "lunette.full({2}, \"x\")", example = "print(lunette.full({2, 2}, 0.5))" },
  { name = "randn", doc = "Standard normal numbers: mean 0, standard deviation 1. Drawn by counter (Philox), so that threads change "
    .. "nothing.",
    args = { sizes }, options = { dtype, device, grad, seed, stream }, returns = { { "tensor", "(sizes)" } },
    source = "Salmon et al. 2011 (Philox)", fails = "lunette.randn(2, {sede = 1})",
    example = "local a, b = lunette.randn(3, {seed = 1}), lunette.randn(3, {seed = 1})\nassert(a:eq(b):to(\"f32\"):sum():item() == 3)" },
  { name = "rand", doc = "Uniform numbers in [0, 1). Drawn by counter (Philox), so that threads change nothing.",
    args = { sizes }, options = { dtype, device, grad, seed, stream }, returns = { { "tensor", "(sizes)" } },
    source = "Salmon et al. 2011 (Philox)", fails = "lunette.rand(\"x\")", example = "print(lunette.rand(2, 2, {seed = 1}))" },
  { name = "arange", doc = "1..n, or first, first + step, ... up to last, both ends included.",
    args = { { "first", "number", "the first number; alone, the last one, and 1 is first" }, { "last", "number?", "the end" },
      { "step", "number = 1", "not 0; below 0 counts down" } },
    options = { dtype, device }, returns = { { "tensor", "(count)" } }, fails = "lunette.arange(1, 5, 0)",
    example = "print(lunette.arange(4), lunette.arange(0, 1, 0.25))" },
  { name = "eye", doc = "Ones on the diagonal, zeros elsewhere.",
    args = { { "n", "integer", "rows" }, { "m", "integer?", "columns, n by default" } },
    options = { dtype, device }, returns = { { "tensor", "(n,m)" } }, fails = "lunette.eye(-2)", example = "print(lunette.eye(3))" },
  { name = "frombytes", doc = "A tensor from raw bytes in host byte order, row-major; undoes t:tobytes().",
    args = { { "bytes", "string", "as many as the elements take" }, { "dtype", "dtype", "of the elements" },
      { "sizes", "integer[]", "one number per axis" } },
    returns = { { "tensor", "(sizes)" } }, fails = "lunette.frombytes(\"abc\", \"f32\", {1})",
    example = "print(lunette.frombytes(string.pack(\"ff\", 1, 2), \"f32\", {2}))" },
  { name = "manual_seed", doc = "Starts the random constructors again from this seed.",
    args = { { "seed", "integer", "any whole number" } }, returns = {}, fails = "lunette.manual_seed(\"x\")",
    example = "lunette.manual_seed(3)\nlocal a = lunette.randn(2)\nlunette.manual_seed(3)\nprint(a, lunette.randn(2))" },
  { name = "is_tensor", doc = "Whether a value is a tensor.", args = { { "value", "any", "anything" } }, returns = { { "boolean" } },
    example = "print(lunette.is_tensor(lunette.ones(1)), lunette.is_tensor(1))" },
  { name = "scope", doc = "Calls f; every tensor made inside is freed at the end, also after an error, except those returned, or in a "
      .. "returned table (not deeper).",
    args = { { "f", "function", "to call" }, { "...", "any", "its arguments" } }, returns = { { "any...", "what f returns" } },
    fails = "lunette.scope(1)",
    example = "local y = lunette.scope(function()\n  local x = lunette.randn(100, 100)\n  return "
      .. "x:matmul(x):mean()\nend)\nprint(y:item())" },
  { name = "keep", doc = "Takes tensors out of the scope they were made in.", args = { { "...", "tensor", "to keep" } },
    returns = { { "tensor...", "the same" } }, fails = "lunette.keep(1)",
    example = "local kept\nlunette.scope(function() kept = lunette.keep(lunette.ones(2)) end)\nprint(kept)" },
  { name = "no_grad", doc = "Calls f without recording gradients; recording is as before afterwards, also after an error.",
    args = { { "f", "function", "to call" }, { "...", "any", "its arguments" } }, returns = { { "any...", "what f returns" } },
    fails = "lunette.no_grad()",
    example = "local w = lunette.ones(2, {requires_grad = true})\nprint(lunette.no_grad(function() return w * 2 end).requires_grad)" },
  { name = "grad_enabled", doc = "Whether ops are recorded for gradients.", args = {}, returns = { { "boolean" } },
    example = "print(lunette.grad_enabled(), lunette.no_grad(lunette.grad_enabled))" },
  { name = "memory", doc = "Counters of the memory of tensors, in bytes and blocks.",
    args = { { "device", "\"cpu\"|\"cuda\" = \"cpu\"", "whose memory" } },
    returns = { { "table", "{live_bytes, peak_bytes, live_blocks, total_blocks, cached_bytes, core_bytes, "
      .. "core_blocks, soft_limit, lua_bytes}" } },
    fails = "lunette.memory(\"tpu\")", example = "print(lunette.memory().live_bytes)" },
  { name = "reset_peak_memory", doc = "Counts peak_bytes from what lives now.",
    args = { { "device", "\"cpu\"|\"cuda\" = \"cpu\"", "whose memory" } }, returns = {}, fails = "lunette.reset_peak_memory(\"tpu\")",
    example = "lunette.reset_peak_memory()\nprint(lunette.memory().peak_bytes)" },
  { name = "flush_memory", doc = "Collects garbage and gives what no tensor holds back to the device.",
    args = { { "device", "\"cpu\"|\"cuda\" = \"cpu\"", "whose memory" } }, returns = {}, fails = "lunette.flush_memory(\"tpu\")",
    example = "lunette.flush_memory()\nprint(lunette.memory().cached_bytes)" },
  { name = "synchronize", doc = "Waits until the device has done what it was given: before taking a time.",
    args = { { "device", "\"cpu\"|\"cuda\" = \"cpu\"", "which" } }, returns = {}, fails = "lunette.synchronize(\"tpu\")",
    example = "lunette.synchronize()" },
  { name = "device_step", doc = "Calls f; what it launches on a GPU is submitted together, as CUDA graphs of up to 64 launches; where "
      .. "something is copied between host and device another begins. Results are the same. "
      .. "Worth it for what is called again and again with the same shapes: lunette.train does it for every step.",
    args = { { "f", "function", "to call" }, { "...", "any", "its arguments" } }, returns = { { "any...", "what f returns" } },
    fails = "lunette.device_step(1)", example = "print(lunette.device_step(function(x) return x + 1 end, 1))" },
  { name = "device_graphs", doc = "Counters of lunette.device_step: steps so far; graphs launched, of them made new and updated from the "
      .. "step before; pieces of the last step; and the reason why that was not one graph.",
    args = { { "device", "\"cpu\"|\"cuda\" = \"cpu\"", "which" } },
    returns = { { "table", "{steps, launched, made, updated, pieces, reason}" } }, fails = "lunette.device_graphs(\"tpu\")",
    example = "print(lunette.device_graphs().launched)" },
  { name = "device", doc = "Whether a device can be used.", args = { { "name", "\"cpu\"|\"cuda\"", "which" } },
    returns = { { "boolean" }, { "string", "what was found of it, or why it cannot be used" } },
    fails = "lunette.device(\"tpu\")", example = "print(lunette.device(\"cpu\"))" },
  { name = "memory_limit", doc = "Fails allocations beyond so many live bytes.",
    args = { { "bytes", "integer", "0: no limit" }, { "device", "\"cpu\"|\"cuda\" = \"cpu\"", "whose memory" } }, returns = {},
    fails = "lunette.memory_limit(\"much\")",
    example = "lunette.memory_limit(1000000)\nprint(pcall(lunette.zeros, 1000, 1000))\nlunette.memory_limit(0)" },
  { name = "threads", doc = "How many threads ops use, at first one for each core. Sums are split among them: the same number gives "
    .. "the same bits, another one other last digits. A run that is resumed keeps its number.",
    args = { { "n", "integer?", "1..1024: sets it" } }, returns = { { "integer" } },
    fails = "lunette.threads(0)", example = "print(lunette.threads())" },
  { name = "determinism", doc = "Whether the same run gives the same bits again. \"fast\" also takes kernels of cuDNN that add in "
    .. "another order each time, where cuDNN expects them to be faster; on the CPU, and in own kernels, it changes nothing.",
    args = { { "mode", "\"strict\"|\"fast\"?", "sets it; \"strict\" from the start" } }, returns = { { "string" } },
    fails = "lunette.determinism(\"loose\")", example = "print(lunette.determinism())" },
  { name = "op_rows", doc = "The op table.", args = {}, returns = { { "table[]", "{name, args, doc, grad, method} per op" } },
    example = "print(#lunette.op_rows(), lunette.op_rows()[1].doc)" },
  { name = "last_error", doc = "The runtime's last failure.", args = {},
    returns = { { "string", "\"ok\", \"argument\", \"shape\", \"dtype\", \"device\", \"memory\", \"system\", \"data\", \"divergence\", "
      .. "\"interrupted\" or \"unsupported\"" }, { "string", "its message" } },
    example = "pcall(lunette.ones(2, 3).reshape, lunette.ones(2, 3), 4)\nprint(lunette.last_error())" },
  { name = "interrupted", doc = "Which signal arrived and was not forgotten.",
    args = { { "clear", "boolean = false", "forget it" } }, returns = { { "\"SIGINT\"|\"SIGTERM\"|nil" } },
    example = "print(lunette.interrupted())" },
  { name = "defer_interrupts", doc = "While on, the first signal only shows in lunette.interrupted(), so that a loop stops where it can "
      .. "save; the second raises.",
    args = { { "on", "boolean", "whether" } }, returns = { { "boolean", "what it was" } }, fails = "lunette.defer_interrupts()",
    example = "local before = lunette.defer_interrupts(true)\nfor _ = 1, 3 do\n  if lunette.interrupted() then break end\nend\n"
      .. "lunette.defer_interrupts(before)" },
  { name = "machine", doc = "Facts about CPU, memory and engine.", args = {},
    returns = { { "table", "{cpu, cores, memory_bytes, isa, threads, engine, fast_bf16, ...}" } },
    example = "print(lunette.machine().cpu, lunette.machine().cores)" },
}
