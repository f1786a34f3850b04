-- What the program adds to Lua besides ops: usage and a sentence, by name. A test compares it with what is there.

local surface = {}

-- lunette.NAME
surface.functions = {
  {"tensor", "lunette.tensor(number or nested tables, {dtype=, device=, requires_grad=})",
    "A tensor of these numbers; f32 unless said."},
  {"zeros", "lunette.zeros(2, 3 or {2, 3}, {dtype=, device=, requires_grad=})", "A tensor of zeros."},
  {"ones", "lunette.ones(2, 3 or {2, 3}, {dtype=, device=, requires_grad=})", "A tensor of ones."},
  {"full", "lunette.full({2, 3}, value, {dtype=, device=, requires_grad=})", "A tensor in which every element is value."},
  {"randn", "lunette.randn(2, 3 or {2, 3}, {dtype=, device=, requires_grad=, seed=, stream=})",
    "Standard normal numbers. With seed or stream they depend on these and the shape alone, else on manual_seed and earlier calls."},
  {"rand", "lunette.rand(2, 3 or {2, 3}, {dtype=, device=, requires_grad=, seed=, stream=})", "Uniform numbers in [0, 1); see randn."},
  {"arange", "lunette.arange(n) or (first, last, step), {dtype=, device=}",
    "1..n, or first, first + step, ... up to last, both ends included."},
  {"eye", "lunette.eye(n, [m], {dtype=, device=})", "Ones on the diagonal, zeros elsewhere."},
  {"frombytes", "lunette.frombytes(string, dtype, {sizes})", "A tensor from raw bytes in host byte order, row-major; undoes t:tobytes()."},
  {"manual_seed", "lunette.manual_seed(n)", "Starts the random constructors again from this seed."},
  {"is_tensor", "lunette.is_tensor(value)", "Whether value is a tensor."},
  {"scope", "lunette.scope(f, ...)",
    "f(...), and every tensor made inside is freed at its end, except those returned or in a returned table, not deeper."},
  {"keep", "lunette.keep(t, ...)", "Takes tensors out of the scope they were made in, and returns them."},
  {"no_grad", "lunette.no_grad(f, ...)", "f(...) without recording gradients."},
  {"grad_enabled", "lunette.grad_enabled()", "Whether ops are recorded for gradients."},
  {"memory", "lunette.memory([device])",
    "Counters: live_bytes, peak_bytes, live_blocks, total_blocks, cached_bytes, core_bytes, core_blocks, soft_limit, lua_bytes."},
  {"reset_peak_memory", "lunette.reset_peak_memory([device])", "Counts peak_bytes from what lives now."},
  {"flush_memory", "lunette.flush_memory([device])", "Collects garbage and gives what no tensor holds back to the device."},
  {"synchronize", "lunette.synchronize([device])", "Waits until the device has done what it was given: before taking a time."},
  {"device", "lunette.device(name)", "Whether \"cpu\" or \"cuda\" can be used, and what was found of it or why not, as text."},
  {"memory_limit", "lunette.memory_limit(bytes, [device])", "Fails allocations beyond so many live bytes; 0: no limit."},
  {"threads", "lunette.threads([n])", "How many threads ops use; n sets it."},
  {"op_rows", "lunette.op_rows()", "The op table as a list of {name, args, doc, grad, method}."},
  {"last_error", "lunette.last_error()", "Kind and message of the runtime's last failure: \"memory\", \"shape\", \"divergence\" ..."},
  {"interrupted", "lunette.interrupted([clear])", "\"SIGINT\" or \"SIGTERM\" once one arrived, else nil; clear = true forgets it."},
  {"defer_interrupts", "lunette.defer_interrupts(on)",
    "While on, the first signal only shows in lunette.interrupted(), so that a loop stops where it can save; the second raises."},
  {"machine", "lunette.machine()", "Facts about CPU, memory and engine: {cpu, cores, memory_bytes, isa, threads, engine, fast_bf16, ...}."},
}

-- t:NAME(...)
surface.methods = {
  {"shape", "t:shape([axis])", "The sizes as a table, or the size of one axis."},
  {"ndim", "t:ndim()", "The number of axes."},
  {"numel", "t:numel()", "The number of elements."},
  {"dtype", "t:dtype()", "\"f32\", \"bf16\", \"f16\", \"f64\", \"i64\", \"u8\" or \"bool\"."},
  {"device", "t:device()", "\"cpu\" or \"cuda\"."},
  {"is_dense", "t:is_dense()", "Whether the elements lie in row-major order without gaps."},
  {"is_leaf", "t:is_leaf()", "Whether no recorded op made t."},
  {"item", "t:item()", "The element of a tensor that holds one, as a Lua value."},
  {"totable", "t:totable()", "The elements as nested tables."},
  {"tobytes", "t:tobytes()", "The elements in row-major order as a string of raw bytes."},
  {"backward", "t:backward([gradient], {keep_graph=})", "Adds the gradients of t to .grad of the leaves it depends on."},
  {"detach", "t:detach()", "The same elements without the recorded graph."},
  {"to", "t:to(dtype), t:to(device), t:to({dtype=, device=})", "t converted or moved; t itself where nothing changes."},
  {"move", "t:move(device)", "Moves t itself, for whoever holds it; its gradient is dropped. For leaves, such as parameters."},
  {"free", "t:free()", "Gives the memory back now; any later use of t is an error."},
  {"copy", "t:copy(from)", "Overwrites t's elements with those of a tensor of its shape, converting; not recorded."},
  {"zero_grad", "t:zero_grad()", "Forgets t.grad."},
}

surface.topics = {
  tensor = [[
An array of numbers with a shape, a dtype and a device. `lunette help` lists what makes one (lunette.NAME) and its methods
(t:NAME); see also the topics indexing, operators, gradients and memory.]],
  repl = [[
An expression prints its value, a closing ; mutes it; _ is the latest value and _3 that of input 3; those of the last ten
inputs are kept.
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
  device = [[
device = "cuda" puts tensors, models, loaders and recipes on an NVIDIA GPU (sm_80 or newer); the same script runs on both:
    lunette.randn(2, 3, {device = "cuda"})   t:to("cuda")   t:to("cpu")   model:to("cuda")
    lunette.models.resnet18{device = "cuda"}   lunette.data.loader{dataset = set, device = "cuda", ...}
A method goes where its encoder is, an optimizer's buffers where the parameters are; a data set's bytes live on the device and are
augmented there. A recipe's device = "auto" takes the GPU where it can be used. Tensors of different devices do not mix, and an op
without a kernel on the device is an error that names it; what takes no tensor (ops.random_normal, permutation, shapes) runs on the
CPU and is moved, so that the numbers are the same.
Work on the GPU goes on after a call has returned: lunette.synchronize("cuda") before taking a time.
lunette.device("cuda") and `lunette doctor` say what was found, or why not. The backend is liblunette_cuda.so beside the program, or
what LUNETTE_CUDA_LIBRARY names; it is loaded when a device is first asked for. LUNETTE_CUDA_SYNC=1 waits after every kernel, so that
an error names the kernel that made it.]],
  memory = [[
Tensors are freed by t:free(), local t <close>, the end of the lunette.scope they were made in, or Lua's collector, which
runs by itself past a soft limit of live bytes. lunette.memory() counts.]],
}

return surface
