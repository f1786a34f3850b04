-- Subjects that are no names: what `lunette help SUBJECT` says.

return {
  doctor = [[
lunette doctor      what this machine and this build offer: CPU, instruction set, memory, threads, libraries, devices, and why
                    one that could be there is not. Exit code 0.]],
  help = [[
lunette help [TOPIC]       help on an op, a function, a method (t:item), a module, a command or a subject; all of them without TOPIC
lunette help --luacats     the same as annotations for editors, as they stand in lua/library/lunette.lua
Exit code 2 where there is no such topic; the nearest one is suggested. Example: lunette help nn.Linear]],
  cli = [=[
lunette [options] [SCRIPT [args]]     runs a Lua script (`-`: standard input), or the REPL without one
  -e CODE   run this code             -l MOD    require MOD into a global of its name     -i   the REPL afterwards
  -v        show the version          -E        ignore LUA_INIT and LUA_PATH              -W   warnings on
lunette run|check|resume|sweep|report|diff|verify ...     recipes and their results: `lunette help run` and so on
Exit codes: 0 done, 1 error (of diff: something differs), 2 wrong use or an invalid recipe, 3 data missing or not what it should
be, 4 device or memory lacking, 5 training diverged, 6 verify found a difference, 130 and 143 stopped by Ctrl-C or SIGTERM.
Example: lunette -e 'print(lunette.randn(2, 3):mean():item())']=],
  tensor = [[
An array of numbers with a shape, a dtype and a device. `lunette help` lists what makes one (lunette.NAME) and its methods
(t:NAME); see also the topics indexing, operators, gradients and memory.]],
  repl = [[
An expression prints its value, a closing ; mutes it; _ is the latest value and _3 that of input 3; those of the last ten
inputs are kept. A `local` ends with its input: leave the word out to keep a value.
Tab completes names, fields, methods, paths in quotes and help topics; a pasted block is one input.
?name, help "name" and help(f) show help; :time EXPRESSION says how long it took; :who lists the tensors that live.
Ctrl-C ends a computation or cancels a half-typed input, Ctrl-D ends the session. The history is kept in
~/.lunette_history, or lunette/history under $XDG_STATE_HOME.]],
  indexing = [[
t[i]                    one position of the first axis; a number where it is the last axis
t[{ 2, {1, 3}, {} }]    a view: position 2, positions 1 to 3, everything; {first, last, step}
t[...] = number, table or tensor of that shape
Positions count from 1, -1 is the last, ranges include both ends; 0 is an error.]],
  operators = [[
+ - * / ^ and unary - on tensors and numbers, with broadcasting: sizes must agree or be 1, counted from the last axis.
Comparisons are methods, t:eq(x) t:lt(x) t:le(x), because Lua makes == and < one boolean. #t is the first size.]],
  gradients = [[
t.requires_grad = true marks a leaf; loss:backward() adds to t.grad; t.grad = nil clears it.
lunette.no_grad(f, ...) records nothing; t:detach() leaves the graph behind.]],
  memory = [[
Tensors are freed by t:free(), local t <close>, the end of the lunette.scope they were made in, or Lua's collector, which
runs by itself past a soft limit of live bytes. lunette.memory() counts.]],
  device = [[
device = "cuda" puts tensors, models, loaders and recipes on an NVIDIA GPU (sm_80 or newer); the same script runs on both:
    lunette.randn(2, 3, {device = "cuda"})   t:to("cuda")   t:to("cpu")   model:to("cuda")
    lunette.models.resnet18{device = "cuda"}   lunette.data.loader{dataset = set, device = "cuda", ...}
A method goes where its encoder is, an optimizer's buffers where the parameters are; a data set's bytes live on the device and are
augmented there. A recipe's device = "auto" takes the GPU where it can be used. Tensors of different devices do not mix, and an op
without a kernel on the device is an error that names it; what takes no tensor (ops.random_normal, permutation, shapes) runs on the
CPU and is moved, so that the numbers are the same.
Two runs with the same GPU, driver and libraries are equal bit for bit; a recipe's determinism = "fast" (lunette.determinism) gives
that up where cuDNN proposes something else: on an H100, by cuDNN 9.19, nothing in bf16 and some convolutions in f32.
Work on the GPU goes on after a call has returned: lunette.synchronize("cuda") before taking a time.
lunette.device("cuda") and `lunette doctor` say what was found, or why not. The backend is liblunette_cuda.so beside the program, or
what LUNETTE_CUDA_LIBRARY names; it is loaded when a device is first asked for. LUNETTE_CUDA_SYNC=1 waits after every kernel, so that
an error names the kernel that made it.
A training step is submitted as CUDA graphs (lunette.device_step) of up to 64 launches each, so that the device works while the rest is
recorded; another begins where the host looks, as at the loss before the update. lunette.device_graphs("cuda") says how often that
worked and why not. LUNETTE_CUDA_GRAPH=0 launches kernels one by one. A data set that would leave less than as much memory again for
training stays on the host, and its views travel: those of the next step while the device does this one (t:send, loader:ahead).
Activations that the CPU makes again for the gradient are kept on a GPU: less to move, for up to half as much more memory.]],
}
