---@meta
-- luacheck: ignore
-- Annotations for editors: completion, help and types of what the program predefines. Written by `lunette help --luacats`.
-- In .luarc.json: {"runtime.version": "Lua 5.4", "workspace.library": ["lua/library"]}
-- A recipe file that begins with `---@type lunette.Recipe` and `local recipe = {` is completed too.

---@alias lunette.DType "f32"|"bf16"|"f16"|"f64"|"i64"|"u8"|"bool"

---@class lunette.Chart

---@class lunette.Module
---@overload fun(...: lunette.Tensor): lunette.Tensor
---@field features_out? integer
local Module = {}

---@class lunette.Optimizer
---@field lr number
---@field grad_norm? number
local Optimizer = {}

---@class lunette.Batch
---@field views lunette.Tensor[]
---@field labels? lunette.Tensor
---@field ids lunette.Tensor
---@field index integer
---@field keep fun(self: lunette.Batch): lunette.Batch

---@class lunette.Loader
---@field batches integer
---@field n integer
---@field batch integer
local Loader = {}

---@class lunette.Policy
local Policy = {}

---@class lunette.Tensor
---@field grad? lunette.Tensor
---@field requires_grad boolean
---@operator add(lunette.Tensor|number): lunette.Tensor
---@operator sub(lunette.Tensor|number): lunette.Tensor
---@operator mul(lunette.Tensor|number): lunette.Tensor
---@operator div(lunette.Tensor|number): lunette.Tensor
---@operator pow(lunette.Tensor|number): lunette.Tensor
---@operator unm: lunette.Tensor
---@operator len: integer
---@field [integer|table] lunette.Tensor|number
local Tensor = {}

---@class lunette
---@field version string
---@field isa string
lunette = {}

--- How views of an image are drawn, for a loader: by options, or by a preset's name.
---@class lunette.Augment
---@overload fun(options?: lunette.AugmentOptions|string): lunette.Policy
lunette.augment = {}

lunette.nn = {}
lunette.models = {}
lunette.loss = {}
lunette.ssl = {}
lunette.optim = {}
lunette.schedule = {}
lunette.data = {}
lunette.image = {}
lunette.npy = {}
lunette.weights = {}
lunette.qscore = {}
lunette.metrics = {}
lunette.probe = {}
lunette.explain = {}
lunette.plot = {}
lunette.recipe = {}
lunette.report = {}
lunette.debug = {}
lunette.ops = {}

---@class lunette.TensorBackwardOptions
---@field keep_graph? boolean so that it can be called again (default false)

--- The sizes, or the size of one axis.
--- ```lua
--- print(table.concat(lunette.ones(2, 3):shape(), ","))
--- ```
---@param axis? integer from 1; -1 is the last
---@return integer[]|integer
function Tensor:shape(axis) end

--- The number of axes.
--- ```lua
--- print(lunette.ones(2, 3):ndim())
--- ```
---@return integer
function Tensor:ndim() end

--- The number of elements.
--- ```lua
--- print(lunette.ones(2, 3):numel())
--- ```
---@return integer
function Tensor:numel() end

--- The type of the elements.
--- ```lua
--- print(lunette.ones(2):dtype())
--- ```
---@return lunette.DType # "f32", "bf16", "f16", "f64", "i64", "u8" or "bool"
function Tensor:dtype() end

--- Where the elements lie.
--- ```lua
--- print(lunette.ones(2):device())
--- ```
---@return "cpu"|"cuda"
function Tensor:device() end

--- Whether the elements lie in row-major order without gaps.
--- ```lua
--- print(lunette.ones(2, 3):permute(2, 1):is_dense())
--- ```
---@return boolean
function Tensor:is_dense() end

--- Whether no recorded op made it.
--- ```lua
--- local w = lunette.ones(2, {requires_grad = true})
--- print(w:is_leaf(), (w * 2):is_leaf())
--- ```
---@return boolean
function Tensor:is_leaf() end

--- The element of a tensor that holds one.
--- ```lua
--- print(lunette.ones(3):sum():item())
--- ```
---@return number|boolean
function Tensor:item() end

--- The elements as nested tables.
--- ```lua
--- print(lunette.eye(2):totable()[2][2])
--- ```
---@return table|number|boolean # a number for a scalar
function Tensor:totable() end

--- The elements in row-major order as raw bytes in host byte order.
--- ```lua
--- print(#lunette.ones(3):tobytes())
--- ```
---@return string
function Tensor:tobytes() end

--- Adds the gradients of this tensor to .grad of the leaves it depends on, and forgets the recorded graph.
--- ```lua
--- local w = lunette.tensor({1, 2}, {requires_grad = true})
--- local loss = (w * w):sum()
--- loss:backward()
--- print(w.grad)
--- ```
---@param gradient? lunette.Tensor of the result, of its shape; may be left out of a scalar
---@param options? lunette.TensorBackwardOptions
function Tensor:backward(gradient, options) end

--- The same elements without the recorded graph.
--- ```lua
--- local w = lunette.ones(2, {requires_grad = true})
--- print((w * 2):detach().requires_grad)
--- ```
---@return lunette.Tensor
function Tensor:detach() end

--- Converted or moved; the tensor itself where nothing changes.
--- ```lua
--- print(lunette.tensor({1.7, -1.7}):to("i64"))
--- ```
---@param what lunette.DType|string|table a dtype, a device, or {dtype =, device =}
---@return lunette.Tensor
function Tensor:to(what) end

--- As to(device), but what the device was given before goes on meanwhile: the first op on the copy waits, on the device, for its bytes. For the data of a next step.
--- ```lua
--- print(lunette.ones(2):send("cpu"):device())
--- ```
---@param device "cpu"|"cuda" where to
---@return lunette.Tensor # itself where it is there already
function Tensor:send(device) end

--- Moves the tensor itself, for whoever holds it; its gradient is dropped. For leaves, such as parameters.
--- ```lua
--- print(lunette.ones(2):move("cpu"):device())
--- ```
---@param device "cpu"|"cuda" where to
---@return lunette.Tensor # itself
function Tensor:move(device) end

--- Gives the memory back now; any later use is an error.
--- ```lua
--- local t = lunette.ones(1000)
--- t:free()
--- ```
function Tensor:free() end

--- Overwrites the elements with those of a tensor of the same shape, converting; not recorded.
--- ```lua
--- local t = lunette.zeros(2)
--- t:copy(lunette.ones(2))
--- print(t)
--- ```
---@param from lunette.Tensor of this shape
---@return lunette.Tensor # itself
function Tensor:copy(from) end

--- Forgets .grad.
--- ```lua
--- local w = lunette.ones(2, {requires_grad = true})
--- w:sum():backward()
--- w:zero_grad()
--- print(w.grad)
--- ```
function Tensor:zero_grad() end

---@class lunette.TensorOptions
---@field dtype? lunette.DType type of the elements (default "f32")
---@field device? "cpu"|"cuda" where the elements lie (default "cpu")
---@field requires_grad? boolean whether gradients are to be collected in .grad (default false)

--- A tensor of these numbers.
--- ```lua
--- print(lunette.tensor({{1, 2}, {3, 4}}):sum():item())
--- ```
---@param value number|boolean|table a scalar, or tables nested once per axis; all tables of one depth have one length
---@param options? lunette.TensorOptions
---@return lunette.Tensor # of the shape of the nesting
function lunette.tensor(value, options) end

---@class lunette.ZerosOptions
---@field dtype? lunette.DType type of the elements (default "f32")
---@field device? "cpu"|"cuda" where the elements lie (default "cpu")
---@field requires_grad? boolean whether gradients are to be collected in .grad (default false)

--- A tensor of zeros.
--- ```lua
--- print(lunette.zeros(2, 3))
--- ```
---@param ... integer|integer[]|table one number per axis, at least 0, or one list of them
---@return lunette.Tensor # (sizes)
function lunette.zeros(...) end

---@class lunette.OnesOptions
---@field dtype? lunette.DType type of the elements (default "f32")
---@field device? "cpu"|"cuda" where the elements lie (default "cpu")
---@field requires_grad? boolean whether gradients are to be collected in .grad (default false)

--- A tensor of ones.
--- ```lua
--- print(lunette.ones({2, 3}, {dtype = "i64"}))
--- ```
---@param ... integer|integer[]|table one number per axis, at least 0, or one list of them
---@return lunette.Tensor # (sizes)
function lunette.ones(...) end

---@class lunette.FullOptions
---@field dtype? lunette.DType type of the elements (default "f32")
---@field device? "cpu"|"cuda" where the elements lie (default "cpu")
---@field requires_grad? boolean whether gradients are to be collected in .grad (default false)

--- A tensor in which every element is one value.
--- ```lua
--- print(lunette.full({2, 2}, 0.5))
--- ```
---@param sizes integer[] one number per axis
---@param value number of every element
---@param options? lunette.FullOptions
---@return lunette.Tensor # (sizes)
function lunette.full(sizes, value, options) end

---@class lunette.RandnOptions
---@field dtype? lunette.DType type of the elements (default "f32")
---@field device? "cpu"|"cuda" where the elements lie (default "cpu")
---@field requires_grad? boolean whether gradients are to be collected in .grad (default false)
---@field seed? integer makes the numbers a function of seed, stream and position; without it manual_seed and earlier calls count
---@field stream? string name of a sequence of its own under the seed

--- Standard normal numbers: mean 0, standard deviation 1. Drawn by counter (Philox), so that threads change nothing.
--- Source: Salmon et al. 2011 (Philox)
--- ```lua
--- local a, b = lunette.randn(3, {seed = 1}), lunette.randn(3, {seed = 1})
--- assert(a:eq(b):to("f32"):sum():item() == 3)
--- ```
---@param ... integer|integer[]|table one number per axis, at least 0, or one list of them
---@return lunette.Tensor # (sizes)
function lunette.randn(...) end

---@class lunette.RandOptions
---@field dtype? lunette.DType type of the elements (default "f32")
---@field device? "cpu"|"cuda" where the elements lie (default "cpu")
---@field requires_grad? boolean whether gradients are to be collected in .grad (default false)
---@field seed? integer makes the numbers a function of seed, stream and position; without it manual_seed and earlier calls count
---@field stream? string name of a sequence of its own under the seed

--- Uniform numbers in [0, 1). Drawn by counter (Philox), so that threads change nothing.
--- Source: Salmon et al. 2011 (Philox)
--- ```lua
--- print(lunette.rand(2, 2, {seed = 1}))
--- ```
---@param ... integer|integer[]|table one number per axis, at least 0, or one list of them
---@return lunette.Tensor # (sizes)
function lunette.rand(...) end

---@class lunette.ArangeOptions
---@field dtype? lunette.DType type of the elements (default "f32")
---@field device? "cpu"|"cuda" where the elements lie (default "cpu")

--- 1..n, or first, first + step, ... up to last, both ends included.
--- ```lua
--- print(lunette.arange(4), lunette.arange(0, 1, 0.25))
--- ```
---@param first number the first number; alone, the last one, and 1 is first
---@param last? number the end
---@param step? number not 0; below 0 counts down
---@param options? lunette.ArangeOptions
---@return lunette.Tensor # (count)
function lunette.arange(first, last, step, options) end

---@class lunette.EyeOptions
---@field dtype? lunette.DType type of the elements (default "f32")
---@field device? "cpu"|"cuda" where the elements lie (default "cpu")

--- Ones on the diagonal, zeros elsewhere.
--- ```lua
--- print(lunette.eye(3))
--- ```
---@param n integer rows
---@param m? integer columns, n by default
---@param options? lunette.EyeOptions
---@return lunette.Tensor # (n,m)
function lunette.eye(n, m, options) end

--- A tensor from raw bytes in host byte order, row-major; undoes t:tobytes().
--- ```lua
--- print(lunette.frombytes(string.pack("ff", 1, 2), "f32", {2}))
--- ```
---@param bytes string as many as the elements take
---@param dtype lunette.DType of the elements
---@param sizes integer[] one number per axis
---@return lunette.Tensor # (sizes)
function lunette.frombytes(bytes, dtype, sizes) end

--- Starts the random constructors again from this seed.
--- ```lua
--- lunette.manual_seed(3)
--- local a = lunette.randn(2)
--- lunette.manual_seed(3)
--- print(a, lunette.randn(2))
--- ```
---@param seed integer any whole number
function lunette.manual_seed(seed) end

--- Whether a value is a tensor.
--- ```lua
--- print(lunette.is_tensor(lunette.ones(1)), lunette.is_tensor(1))
--- ```
---@param value any anything
---@return boolean
function lunette.is_tensor(value) end

--- Calls f; every tensor made inside is freed at the end, also after an error, except those returned, or in a returned table (not deeper).
--- ```lua
--- local y = lunette.scope(function()
---   local x = lunette.randn(100, 100)
---   return x:matmul(x):mean()
--- end)
--- print(y:item())
--- ```
---@param f function to call
---@param ... any its arguments
---@return any ... # what f returns
function lunette.scope(f, ...) end

--- Takes tensors out of the scope they were made in.
--- ```lua
--- local kept
--- lunette.scope(function() kept = lunette.keep(lunette.ones(2)) end)
--- print(kept)
--- ```
---@param ... lunette.Tensor to keep
---@return lunette.Tensor ... # the same
function lunette.keep(...) end

--- Calls f without recording gradients; recording is as before afterwards, also after an error.
--- ```lua
--- local w = lunette.ones(2, {requires_grad = true})
--- print(lunette.no_grad(function() return w * 2 end).requires_grad)
--- ```
---@param f function to call
---@param ... any its arguments
---@return any ... # what f returns
function lunette.no_grad(f, ...) end

--- Whether ops are recorded for gradients.
--- ```lua
--- print(lunette.grad_enabled(), lunette.no_grad(lunette.grad_enabled))
--- ```
---@return boolean
function lunette.grad_enabled() end

--- Counters of the memory of tensors, in bytes and blocks.
--- ```lua
--- print(lunette.memory().live_bytes)
--- ```
---@param device? "cpu"|"cuda" whose memory
---@return table # {live_bytes, peak_bytes, live_blocks, total_blocks, cached_bytes, core_bytes, core_blocks, soft_limit, lua_bytes}
function lunette.memory(device) end

--- Counts peak_bytes from what lives now.
--- ```lua
--- lunette.reset_peak_memory()
--- print(lunette.memory().peak_bytes)
--- ```
---@param device? "cpu"|"cuda" whose memory
function lunette.reset_peak_memory(device) end

--- Collects garbage and gives what no tensor holds back to the device.
--- ```lua
--- lunette.flush_memory()
--- print(lunette.memory().cached_bytes)
--- ```
---@param device? "cpu"|"cuda" whose memory
function lunette.flush_memory(device) end

--- Waits until the device has done what it was given: before taking a time.
--- ```lua
--- lunette.synchronize()
--- ```
---@param device? "cpu"|"cuda" which
function lunette.synchronize(device) end

--- Calls f; what it launches on a GPU is submitted together, as CUDA graphs of up to 64 launches; where something is copied between host and device another begins. Results are the same. Worth it for what is called again and again with the same shapes: lunette.train does it for every step.
--- ```lua
--- print(lunette.device_step(function(x) return x + 1 end, 1))
--- ```
---@param f function to call
---@param ... any its arguments
---@return any ... # what f returns
function lunette.device_step(f, ...) end

--- Counters of lunette.device_step: steps so far; graphs launched, of them made new and updated from the step before; pieces of the last step; and the reason why that was not one graph.
--- ```lua
--- print(lunette.device_graphs().launched)
--- ```
---@param device? "cpu"|"cuda" which
---@return table # {steps, launched, made, updated, pieces, reason}
function lunette.device_graphs(device) end

--- Whether a device can be used.
--- ```lua
--- print(lunette.device("cpu"))
--- ```
---@param name "cpu"|"cuda" which
---@return boolean
---@return string # what was found of it, or why it cannot be used
function lunette.device(name) end

--- Fails allocations beyond so many live bytes.
--- ```lua
--- lunette.memory_limit(1000000)
--- print(pcall(lunette.zeros, 1000, 1000))
--- lunette.memory_limit(0)
--- ```
---@param bytes integer 0: no limit
---@param device? "cpu"|"cuda" whose memory
function lunette.memory_limit(bytes, device) end

--- How many threads ops use, at first one for each core. Sums are split among them: the same number gives the same bits, another one other last digits. A run that is resumed keeps its number.
--- ```lua
--- print(lunette.threads())
--- ```
---@param n? integer 1..1024: sets it
---@return integer
function lunette.threads(n) end

--- Whether the same run gives the same bits again. "fast" also takes kernels of cuDNN that add in another order each time, where cuDNN expects them to be faster; on the CPU, and in own kernels, it changes nothing.
--- ```lua
--- print(lunette.determinism())
--- ```
---@param mode? "strict"|"fast" sets it; "strict" from the start
---@return string
function lunette.determinism(mode) end

--- The op table.
--- ```lua
--- print(#lunette.op_rows(), lunette.op_rows()[1].doc)
--- ```
---@return table[] # {name, args, doc, grad, method} per op
function lunette.op_rows() end

--- The runtime's last failure.
--- ```lua
--- pcall(lunette.ones(2, 3).reshape, lunette.ones(2, 3), 4)
--- print(lunette.last_error())
--- ```
---@return string # "ok", "argument", "shape", "dtype", "device", "memory", "system", "data", "divergence", "interrupted" or "unsupported"
---@return string # its message
function lunette.last_error() end

--- Which signal arrived and was not forgotten.
--- ```lua
--- print(lunette.interrupted())
--- ```
---@param clear? boolean forget it
---@return "SIGINT"|"SIGTERM"|nil
function lunette.interrupted(clear) end

--- While on, the first signal only shows in lunette.interrupted(), so that a loop stops where it can save; the second raises.
--- ```lua
--- local before = lunette.defer_interrupts(true)
--- for _ = 1, 3 do
---   if lunette.interrupted() then break end
--- end
--- lunette.defer_interrupts(before)
--- ```
---@param on boolean whether
---@return boolean # what it was
function lunette.defer_interrupts(on) end

--- Facts about CPU, memory and engine.
--- ```lua
--- print(lunette.machine().cpu, lunette.machine().cores)
--- ```
---@return table # {cpu, cores, memory_bytes, isa, threads, engine, fast_bf16, ...}
function lunette.machine() end

---@class lunette.NnConv2dOptions
---@field stride? integer pixels between outputs (default 1)
---@field padding? integer zeros around, in pixels (default 0)
---@field bias? boolean one number per channel added (default false)
---@field init? function init(shape, seed, stream) -> tensor: first value of the weight

--- A convolution of images: (n,in,h,w) -> (n,out,h',w'), h' = (h + 2 padding - kernel) / stride + 1.
--- Source: He et al. 2015 (initial weights)
--- ```lua
--- local conv = lunette.nn.Conv2d(3, 8, 3, {padding = 1}):initialize(1)
--- print(conv(lunette.ones(2, 3, 4, 4)):shape(2))
--- ```
---@param inputs integer channels in
---@param outputs integer channels out
---@param kernel integer side in pixels
---@param options? lunette.NnConv2dOptions
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.Conv2d(inputs, outputs, kernel, options) end

---@class lunette.NnLinearOptions
---@field bias? boolean whether there is one (default true)
---@field init? function init(shape, seed, stream) -> tensor: first value of the weight

--- x (...,in) times weight (out,in), transposed, plus bias (out).
--- ```lua
--- local layer = lunette.nn.Linear(3, 2):initialize(1)
--- print(layer(lunette.ones(4, 3)))
--- ```
---@param inputs integer features in
---@param outputs integer features out
---@param options? lunette.NnLinearOptions
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.Linear(inputs, outputs, options) end

---@class lunette.NnWeightNormLinearOptions
---@field gain? boolean whether weight_g is trained; it starts at 1 (default true)

--- A linear layer without bias whose row i is weight_g[i] times a unit vector; DINO's last layer.
--- Source: Salimans and Kingma 2016
--- ```lua
--- print(lunette.nn.WeightNormLinear(3, 2):initialize(1)(lunette.ones(1, 3)))
--- ```
---@param inputs integer features in
---@param outputs integer features out
---@param options? lunette.NnWeightNormLinearOptions
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.WeightNormLinear(inputs, outputs, options) end

--- A linear layer with rows of unit length, which :normalize_rows() restores after a step; SwAV's prototypes.
--- Source: Caron et al. 2020
--- ```lua
--- local p = lunette.nn.Prototypes(3, 2):initialize(1)
--- p:normalize_rows()
--- print(p.weight:square():sum({2}))
--- ```
---@param inputs integer features in
---@param outputs integer features out
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.Prototypes(inputs, outputs) end

---@class lunette.NnBatchNormOptions
---@field relu? boolean ReLU in the same pass (default false)
---@field affine? boolean scale and shift (default true)
---@field gamma? number first value of the scale (default 1)
---@field momentum? number share of the batch in the running statistics (default 0.1)
---@field eps? number added to the variance (default 1e-5)

--- Batch normalisation of (n,c,h,w) or (n,c) per channel: statistics of the batch in training, running ones in evaluation.
--- Source: Ioffe and Szegedy 2015
--- ```lua
--- print(lunette.nn.BatchNorm(3)(lunette.randn(8, 3)):mean({1}))
--- ```
---@param channels integer c
---@param options? lunette.NnBatchNormOptions
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.BatchNorm(channels, options) end

---@class lunette.NnLayerNormOptions
---@field eps? number added to the variance (default 1e-5)

--- Layer normalisation over the last axis, of size d.
--- Source: Ba et al. 2016
--- ```lua
--- print(lunette.nn.LayerNorm(3)(lunette.randn(2, 3)))
--- ```
---@param d integer size of the last axis
---@param options? lunette.NnLayerNormOptions
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.LayerNorm(d, options) end

--- Negative elements become 0.
--- ```lua
--- print(lunette.nn.ReLU()(lunette.tensor({-1, 2})))
--- ```
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.ReLU() end

--- Gaussian error linear unit, in its exact form.
--- Source: Hendrycks and Gimpel 2016
--- ```lua
--- print(lunette.nn.GELU()(lunette.tensor({-1, 2})))
--- ```
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.GELU() end

---@class lunette.NnMaxPool2dOptions
---@field stride? integer pixels between windows, kernel by default
---@field padding? integer at most half the kernel (default 0)

--- The largest element of each window of images (n,c,h,w).
--- ```lua
--- print(lunette.nn.MaxPool2d(2)(lunette.randn(1, 1, 4, 4)))
--- ```
---@param kernel integer side in pixels, 1..15
---@param options? lunette.NnMaxPool2dOptions
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.MaxPool2d(kernel, options) end

--- Images (n,c,h,w) to their mean over the pixels (n,c).
--- ```lua
--- print(lunette.nn.GlobalAvgPool()(lunette.ones(2, 3, 4, 4)))
--- ```
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.GlobalAvgPool() end

--- All axes but the first become one.
--- ```lua
--- print(lunette.nn.Flatten()(lunette.ones(2, 3, 4)):shape(2))
--- ```
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.Flatten() end

--- What comes in.
--- ```lua
--- print(lunette.nn.Identity()(lunette.ones(2)))
--- ```
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.Identity() end

--- One module after the other; children are named "0", "1", ...
--- ```lua
--- local net = lunette.nn.Sequential(lunette.nn.Linear(3, 4), lunette.nn.ReLU(), lunette.nn.Linear(4, 1)):initialize(1)
--- print(net(lunette.ones(2, 3)))
--- ```
---@param ... lunette.Module in order
---@return lunette.Module # callable: layer(x) -> y
function lunette.nn.Sequential(...) end

--- Draws every parameter from the seed and its name, and resets every buffer.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- net:initialize(1)
--- print(net.weight)
--- ```
---@param seed integer of the draws
---@param prefix? string put before the names
---@return lunette.Module # itself
function Module:initialize(seed, prefix) end

--- The trained tensors, in order of definition.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- print(#net:parameters())
--- ```
---@return lunette.Tensor[]
function Module:parameters() end

--- The trained tensors with their full names, as optimizers take them.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- print(net:named_parameters()[1].name)
--- ```
---@return table[] # {name =, tensor =}
function Module:named_parameters() end

--- All parameters and buffers by full name; the tensors themselves, not copies.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- print(net:state().weight)
--- ```
---@return table
function Module:state() end

---@class lunette.ModuleLoadStateOptions
---@field partial? boolean names may be missing or left over; they are then returned (default false)
---@field prefix? string put before each name

--- Copies values from a table of tensors by name.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- net:load_state(lunette.nn.Linear(3, 2):initialize(2):state())
--- ```
---@param state table tensors by full name, of the module's shapes
---@param options? lunette.ModuleLoadStateOptions
---@return table? # names missing
---@return table? # names left over
function Module:load_state(state, options) end

--- Training mode for this module and all below it: batch norm uses the batch.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- net:train()
--- ```
---@param on? boolean false: evaluation mode
---@return lunette.Module # itself
function Module:train(on) end

--- Evaluation mode: batch norm uses its running statistics.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- net:eval()
--- ```
---@return lunette.Module # itself
function Module:eval() end

--- Number of trained numbers.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- print(net:count())
--- ```
---@return integer
function Module:count() end

--- The same module with tensors of its own, equal to this one's.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- print(net:copy():count())
--- ```
---@return lunette.Module
function Module:copy() end

--- Every parameter becomes a buffer: part of the state, no longer trained.
--- ```lua
--- local net = lunette.nn.Linear(3, 2)
--- net:freeze()
--- print(#net:parameters())
--- ```
function Module:freeze() end

---@class lunette.ModelsResnet18Options
---@field stem "cifar"|"imagenet" 3x3 without pooling, or 7x7 with stride 2 and max pooling
---@field width? integer channels of the first stage; representations have 8 times as many (default 64)
---@field zero_init_residual? boolean blocks start as their shortcut (Goyal et al. 2017, 5.1) (default false)
---@field precision? "f32"|"bf16" dtype of the activations (default "f32")
---@field seed? integer parameters are drawn from it and their names (default 0)

--- A residual network of 2, 2, 2 and 2 basic blocks, with torchvision's parameter names.
--- Source: He et al. 2015
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- print(encoder(lunette.rand(2, 3, 8, 8)))
--- ```
---@param options lunette.ModelsResnet18Options
---@return lunette.Module # encoder: images (n,3,h,w) f32 -> representations (n, features_out); :features(x) adds the last feature map
function lunette.models.resnet18(options) end

---@class lunette.ModelsResnet34Options
---@field stem "cifar"|"imagenet" 3x3 without pooling, or 7x7 with stride 2 and max pooling
---@field width? integer channels of the first stage; representations have 8 times as many (default 64)
---@field zero_init_residual? boolean blocks start as their shortcut (Goyal et al. 2017, 5.1) (default false)
---@field precision? "f32"|"bf16" dtype of the activations (default "f32")
---@field seed? integer parameters are drawn from it and their names (default 0)

--- A residual network of 3, 4, 6 and 3 basic blocks.
--- Source: He et al. 2015
--- ```lua
--- local encoder = lunette.models.resnet34{stem = "cifar", width = 2}
--- print(encoder(lunette.rand(2, 3, 8, 8)))
--- ```
---@param options lunette.ModelsResnet34Options
---@return lunette.Module # encoder: images (n,3,h,w) f32 -> representations (n, features_out); :features(x) adds the last feature map
function lunette.models.resnet34(options) end

---@class lunette.ModelsResnet50Options
---@field stem "cifar"|"imagenet" 3x3 without pooling, or 7x7 with stride 2 and max pooling
---@field width? integer channels of the first stage; representations have 32 times as many (default 64)
---@field zero_init_residual? boolean blocks start as their shortcut (Goyal et al. 2017, 5.1) (default false)
---@field precision? "f32"|"bf16" dtype of the activations (default "f32")
---@field seed? integer parameters are drawn from it and their names (default 0)

--- A residual network of 3, 4, 6 and 3 bottleneck blocks.
--- Source: He et al. 2015
--- ```lua
--- local encoder = lunette.models.resnet50{stem = "cifar", width = 2}
--- print(encoder(lunette.rand(2, 3, 8, 8)))
--- ```
---@param options lunette.ModelsResnet50Options
---@return lunette.Module # encoder: images (n,3,h,w) f32 -> representations (n, features_out); :features(x) adds the last feature map
function lunette.models.resnet50(options) end

---@class lunette.ModelsVitTinyOptions
---@field patch? integer pixels along a patch's side (default 16)
---@field image? integer size the position embedding is made for; interpolated for others (default 224)
---@field depth? integer blocks (default 12)
---@field precision? "f32"|"bf16" dtype of the activations (default "f32")
---@field seed? integer parameters are drawn from it and their names (default 0)

--- A vision transformer of width 192 with 3 heads. The class token after the last norm; its features are signed, which Q-Scores do not expect. DINO's parameter names.
--- Source: Dosovitskiy et al. 2021; Caron et al. 2021
--- ```lua
--- local encoder = lunette.models.vit_tiny{patch = 4, image = 8, depth = 1}
--- print(encoder(lunette.rand(2, 3, 8, 8)):shape(2))
--- ```
---@param options lunette.ModelsVitTinyOptions
---@return lunette.Module # encoder: images (n,3,h,w) f32 -> representations (n, features_out); :features(x) adds the last feature map
function lunette.models.vit_tiny(options) end

---@class lunette.ModelsVitSmallOptions
---@field patch? integer pixels along a patch's side (default 16)
---@field image? integer size the position embedding is made for; interpolated for others (default 224)
---@field depth? integer blocks (default 12)
---@field precision? "f32"|"bf16" dtype of the activations (default "f32")
---@field seed? integer parameters are drawn from it and their names (default 0)

--- A vision transformer of width 384 with 6 heads. The class token after the last norm; its features are signed, which Q-Scores do not expect. DINO's parameter names.
--- Source: Dosovitskiy et al. 2021; Caron et al. 2021
--- ```lua
--- local encoder = lunette.models.vit_small{patch = 4, image = 8, depth = 1}
--- print(encoder(lunette.rand(2, 3, 8, 8)):shape(2))
--- ```
---@param options lunette.ModelsVitSmallOptions
---@return lunette.Module # encoder: images (n,3,h,w) f32 -> representations (n, features_out); :features(x) adds the last feature map
function lunette.models.vit_small(options) end

---@class lunette.ModelsVitOptions
---@field patch? integer pixels along a patch's side (default 16)
---@field image? integer size the position embedding is made for; interpolated for others (default 224)
---@field depth? integer blocks (default 12)
---@field precision? "f32"|"bf16" dtype of the activations (default "f32")
---@field seed? integer parameters are drawn from it and their names (default 0)
---@field dim? integer width (default 192)
---@field heads? integer attention heads (default 3)

--- A vision transformer of any size. The class token after the last norm; its features are signed, which Q-Scores do not expect. DINO's parameter names.
--- Source: Dosovitskiy et al. 2021; Caron et al. 2021
--- ```lua
--- local encoder = lunette.models.vit{patch = 4, image = 8, depth = 1}
--- print(encoder(lunette.rand(2, 3, 8, 8)):shape(2))
--- ```
---@param options lunette.ModelsVitOptions
---@return lunette.Module # encoder: images (n,3,h,w) f32 -> representations (n, features_out); :features(x) adds the last feature map
function lunette.models.vit(options) end

---@class lunette.ModelsConv4Options
---@field width? integer channels, and size of a representation (default 64)
---@field precision? "f32"|"bf16" dtype of the activations (default "f32")
---@field seed? integer parameters are drawn from it and their names (default 0)

--- The four-block network of few-shot learning; images are at least 16 x 16.
--- Source: Vinyals et al. 2016, section 4.1
--- ```lua
--- print(lunette.models.conv4{width = 4}(lunette.rand(2, 3, 16, 16)))
--- ```
---@param options lunette.ModelsConv4Options
---@return lunette.Module # encoder: images (n,3,h,w) f32 -> representations (n, features_out); :features(x) adds the last feature map
function lunette.models.conv4(options) end

---@class lunette.LossSimclrOptions
---@field temperature? number above 0 (default 0.5)

--- NT-Xent of two views: the other view of an image is to be the nearest of the 2n - 1 other samples. Rows are L2-normalised here.
--- Source: Chen et al. 2020, arXiv 2002.05709, equation 1
--- ```lua
--- local a, b = lunette.randn(8, 16), lunette.randn(8, 16)
--- print(lunette.loss.simclr(a, b, {temperature = 0.2}):item())
--- ```
---@param z1 lunette.Tensor embeddings of one view
---@param z2 lunette.Tensor of the other
---@param options? lunette.LossSimclrOptions
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.simclr(z1, z2, options) end

--- Mean of 2 - 2 cos of predictions and targets, no gradient to the targets. One direction: a method adds the other.
--- Source: Grill et al. 2020, arXiv 2006.07733, equation 2
--- ```lua
--- local a, b = lunette.randn(8, 16), lunette.randn(8, 16)
--- print(lunette.loss.byol(a, b):item())
--- ```
---@param p lunette.Tensor predictions
---@param z lunette.Tensor targets
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.byol(p, z) end

--- Mean of -cos of predictions and targets, no gradient to the targets. One direction: a method takes half of both.
--- Source: Chen and He 2021, arXiv 2011.10566, equation 1
--- ```lua
--- local a, b = lunette.randn(8, 16), lunette.randn(8, 16)
--- print(lunette.loss.simsiam(a, b):item())
--- ```
---@param p lunette.Tensor predictions
---@param z lunette.Tensor targets
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.simsiam(p, z) end

---@class lunette.LossMocoOptions
---@field temperature? number above 0 (default 0.07)

--- InfoNCE of queries and keys against a queue of older keys; no gradient to keys and queue. One direction.
--- Source: He et al. 2020, arXiv 1911.05722, equation 1
--- ```lua
--- local a, b = lunette.randn(8, 16), lunette.randn(8, 16)
--- print(lunette.loss.moco(a, b, (lunette.randn(32, 16):normalize())):item())
--- ```
---@param q lunette.Tensor queries, L2-normalised here
---@param k lunette.Tensor their keys, L2-normalised here
---@param queue lunette.Tensor rows of unit length
---@param options? lunette.LossMocoOptions
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.moco(q, k, queue, options) end

---@class lunette.LossMocov3Options
---@field temperature? number above 0 (default 0.2)

--- InfoNCE within the batch, times 2 temperature; no gradient to the keys. One direction: a method adds the other.
--- Source: Chen, Xie and He 2021, arXiv 2104.02057, equation 1 and algorithm 1
--- ```lua
--- local a, b = lunette.randn(8, 16), lunette.randn(8, 16)
--- print(lunette.loss.mocov3(a, b):item())
--- ```
---@param q lunette.Tensor predictions, L2-normalised here
---@param k lunette.Tensor keys, L2-normalised here
---@param options? lunette.LossMocov3Options
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.mocov3(q, k, options) end

---@class lunette.LossSinkhornOptions
---@field epsilon? number smaller is sharper (default 0.05)
---@field iterations? integer rounds of scaling (default 3)

--- SwAV's assignments of samples to prototypes: rows sum to 1, prototypes get equal shares. No gradient.
--- Source: Caron et al. 2020, arXiv 2006.09882, equation 3 and appendix A
--- ```lua
--- print(lunette.loss.sinkhorn(lunette.randn(4, 3)):sum({2}))
--- ```
---@param scores lunette.Tensor products of features and prototypes
---@param options? lunette.LossSinkhornOptions
---@return lunette.Tensor # targets
function lunette.loss.sinkhorn(scores, options) end

---@class lunette.LossSwavOptions
---@field temperature? number above 0 (default 0.1)

--- Cross entropy of one view's scores with the other view's assignments. One ordered pair of views.
--- Source: Caron et al. 2020, arXiv 2006.09882, equation 2
--- ```lua
--- local a, b = lunette.randn(8, 16), lunette.randn(8, 16)
--- print(lunette.loss.swav(a, lunette.loss.sinkhorn(b)):item())
--- ```
---@param scores lunette.Tensor of one view
---@param targets lunette.Tensor of the other, from sinkhorn; no gradient
---@param options? lunette.LossSwavOptions
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.swav(scores, targets, options) end

---@class lunette.LossDinoOptions
---@field student_temp? number above 0 (default 0.1)
---@field teacher_temp? number above 0 (default 0.04)

--- Cross entropy of one pair of different views' logits; no gradient to teacher and center.
--- Source: Caron et al. 2021, arXiv 2104.14294, equation 2 and algorithm 1
--- ```lua
--- local a, b = lunette.randn(8, 16), lunette.randn(8, 16)
--- print(lunette.loss.dino(a, b, lunette.zeros(16)):item())
--- ```
---@param student lunette.Tensor raw logits
---@param teacher lunette.Tensor raw logits
---@param center lunette.Tensor mean of the teacher's
---@param options? lunette.LossDinoOptions
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.dino(student, teacher, center, options) end

---@class lunette.LossVicregOptions
---@field invariance? number weight of the distance (default 25)
---@field variance? number of the deviations (default 25)
---@field covariance? number of the covariances (default 1)

--- Distance of the views, deviation of every dimension below 1, and covariances; rows are not normalised.
--- Source: Bardes et al. 2022, arXiv 2105.04906, equations 1 to 6; the form of the authors' code
--- ```lua
--- local a, b = lunette.randn(8, 16), lunette.randn(8, 16)
--- print(lunette.loss.vicreg(a, b):item())
--- ```
---@param z1 lunette.Tensor n at least 2
---@param z2 lunette.Tensor of the other view
---@param options? lunette.LossVicregOptions
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.vicreg(z1, z2, options) end

---@class lunette.LossBarlowOptions
---@field lambda? number weight of what is off the diagonal (default 0.0051)
---@field scale? number of the whole (default 1)

--- The cross-correlation of two views drawn towards the identity; columns are normalised here.
--- Source: Zbontar et al. 2021, arXiv 2103.03230, equations 1 and 2
--- ```lua
--- local a, b = lunette.randn(8, 16), lunette.randn(8, 16)
--- print(lunette.loss.barlow(a, b):item())
--- ```
---@param z1 lunette.Tensor n at least 2
---@param z2 lunette.Tensor of the other view
---@param options? lunette.LossBarlowOptions
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.barlow(z1, z2, options) end

--- Mean of -log softmax(scores)[label].
--- ```lua
--- print(lunette.loss.cross_entropy(lunette.eye(3), lunette.arange(3, {dtype = "i64"})):item())
--- ```
---@param scores lunette.Tensor logits
---@param labels lunette.Tensor i64, from 1
---@return lunette.Tensor # the loss, a mean over samples
function lunette.loss.cross_entropy(scores, labels) end

---@class lunette.SslMlpOptions
---@field batch_norm? boolean after every hidden layer (default false)
---@field last_batch_norm? false|"affine"|"plain" after the output (default false)
---@field last_bias? boolean of the last layer; by default where no batch norm follows
---@field activation? "ReLU"|"GELU" between the layers (default "ReLU")
---@field std? number weights normal with this deviation, biases 0; by default uniform, as PyTorch's
---@field seed? integer of the draws (default 0)
---@field name? string put before the parameters' names (default "")

--- A head: Linear, ReLU, ..., Linear, drawn from the seed.
--- ```lua
--- print(lunette.ssl.mlp(8, {16, 4}, {batch_norm = true})(lunette.randn(4, 8)):shape(2))
--- ```
---@param inputs integer features in
---@param sizes integer[] widths of the hidden layers, then of the output
---@param options? lunette.SslMlpOptions
---@return lunette.Module
function lunette.ssl.mlp(inputs, sizes, options) end

---@class lunette.SslSimclrOptions
---@field encoder lunette.Module a model: the part that is trained and kept
---@field seed? integer of the heads (default 0)
---@field batch_norm? boolean batch norm in the projector (default false)
---@field projector? integer[] widths of the projector's layers, the last one its output (default {512, 128})
---@field temperature? number temperature of the softmax (above 0, at most 100) (default 0.5)

--- Method: contrast two views of an image with all other images of the batch. Trained by lunette.train; a recipe's task of that name takes the same settings.
--- Source: Chen et al. 2020, arXiv 2002.05709
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.simclr{encoder = encoder}
--- print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})
--- ```
---@param options lunette.SslSimclrOptions
---@return lunette.Module # method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)
function lunette.ssl.simclr(options) end

---@class lunette.SslMocoOptions
---@field encoder lunette.Module a model: the part that is trained and kept
---@field seed? integer of the heads (default 0)
---@field batch_norm? boolean batch norm in the projector (default false)
---@field ema? number momentum of the teacher's moving average at the first step (0 to 1) (default 0.99)
---@field ema_final? number that momentum at the last step; half a cosine between (0 to 1) (default 0.999)
---@field projector? integer[] widths of the projector's layers, the last one its output (default {2048, 256})
---@field queue? integer keys in the queue; at least a batch (1 to 65536) (default 4096)
---@field symmetric? boolean both views ask, each with a queue of its own; false: the first asks, the second answers (default true)
---@field temperature? number temperature of the softmax (above 0, at most 100) (default 0.2)

--- Method: find the other view's key, made by a slow copy of the encoder, among those of a queue. Trained by lunette.train; a recipe's task of that name takes the same settings.
--- Source: He et al. 2020, arXiv 1911.05722; Chen et al. 2020, arXiv 2003.04297
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.moco{encoder = encoder, queue = 8}
--- print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})
--- ```
---@param options lunette.SslMocoOptions
---@return lunette.Module # method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)
function lunette.ssl.moco(options) end

---@class lunette.SslMocov3Options
---@field encoder lunette.Module a model: the part that is trained and kept
---@field seed? integer of the heads (default 0)
---@field ema? number momentum of the teacher's moving average at the first step (0 to 1) (default 0.99)
---@field ema_final? number that momentum at the last step; half a cosine between (0 to 1) (default 1)
---@field predictor? integer width of the predictor's hidden layer (1 to 65536) (default 4096)
---@field projector? integer[] widths of the projector's layers, the last one its output (default {4096, 256})
---@field temperature? number temperature of the softmax (above 0, at most 100) (default 0.2)

--- Method: predict the other view's key, made by a slow copy, among those of the batch. Trained by lunette.train; a recipe's task of that name takes the same settings.
--- Source: Chen, Xie and He 2021, arXiv 2104.02057
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.mocov3{encoder = encoder}
--- print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})
--- ```
---@param options lunette.SslMocov3Options
---@return lunette.Module # method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)
function lunette.ssl.mocov3(options) end

---@class lunette.SslByolOptions
---@field encoder lunette.Module a model: the part that is trained and kept
---@field seed? integer of the heads (default 0)
---@field ema? number momentum of the teacher's moving average at the first step (0 to 1) (default 0.99)
---@field ema_final? number that momentum at the last step; half a cosine between (0 to 1) (default 1)
---@field predictor? integer width of the predictor's hidden layer; 0 = no predictor, to see it collapse (0 to 65536) (default 4096)
---@field projector? integer[] widths of the projector's layers, the last one its output (default {4096, 256})

--- Method: predict what a slow copy of the encoder makes of the other view. Trained by lunette.train; a recipe's task of that name takes the same settings.
--- Source: Grill et al. 2020, arXiv 2006.07733
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.byol{encoder = encoder}
--- print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})
--- ```
---@param options lunette.SslByolOptions
---@return lunette.Module # method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)
function lunette.ssl.byol(options) end

---@class lunette.SslSimsiamOptions
---@field encoder lunette.Module a model: the part that is trained and kept
---@field seed? integer of the heads (default 0)
---@field predictor? integer width of the predictor's hidden layer (1 to 65536) (default 512)
---@field projector? integer[] widths of the projector's layers, the last one its output (default {2048, 2048, 2048})
---@field stop_gradient? boolean no gradient to the other view's embedding; false: with it, to see it collapse (default true)

--- Method: predict the other view's embedding, its gradient stopped. Trained by lunette.train; a recipe's task of that name takes the same settings.
--- Source: Chen and He 2021, arXiv 2011.10566
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.simsiam{encoder = encoder}
--- print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})
--- ```
---@param options lunette.SslSimsiamOptions
---@return lunette.Module # method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)
function lunette.ssl.simsiam(options) end

---@class lunette.SslSwavOptions
---@field encoder lunette.Module a model: the part that is trained and kept
---@field seed? integer of the heads (default 0)
---@field epsilon? number smoothness of the assignment: scores are divided by it (above 0, at most 100) (default 0.05)
---@field freeze_epochs? integer first epochs in which the prototypes stay as drawn (0 to 100000) (default 1)
---@field iterations? integer iterations of Sinkhorn-Knopp (1 to 65536) (default 3)
---@field projector? integer[] widths of the projector's layers, the last one its output (default {2048, 128})
---@field prototypes? integer number of prototypes (1 to 65536) (default 512)
---@field queue? integer embeddings of earlier batches in each assignment; 0 = none (0 to 100000) (default 0)
---@field queue_from_epoch? integer first epoch in which the queue is filled, and used once it is full (0 to 100000) (default 15)
---@field sinkhorn? boolean balanced assignments; false: plain softmax(scores / epsilon), to see it collapse (default true)
---@field temperature? number temperature of the softmax (above 0, at most 100) (default 0.1)

--- Method: predict, from each view, the other views' balanced assignment to prototypes. Trained by lunette.train; a recipe's task of that name takes the same settings.
--- Source: Caron et al. 2020, arXiv 2006.09882
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.swav{encoder = encoder, queue = 0, prototypes = 4}
--- print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})
--- ```
---@param options lunette.SslSwavOptions
---@return lunette.Module # method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)
function lunette.ssl.swav(options) end

---@class lunette.SslDinoOptions
---@field encoder lunette.Module a model: the part that is trained and kept
---@field seed? integer of the heads (default 0)
---@field batch_norm? boolean batch norm in the head (default false)
---@field center_momentum? number momentum of the center's moving average (0 to 1) (default 0.9)
---@field ema? number momentum of the teacher's moving average at the first step (0 to 1) (default 0.996)
---@field ema_final? number that momentum at the last step; half a cosine between (0 to 1) (default 1)
---@field freeze_epochs? integer first epochs in which the last layer stays as drawn (0 to 100000) (default 1)
---@field projector? integer[] widths of the head's layers before the prototypes (default {2048, 2048, 256})
---@field prototypes? integer number of prototypes (1 to 65536) (default 4096)
---@field student_temp? number temperature of the student's softmax (above 0, at most 100) (default 0.1)
---@field teacher_temp? number temperature of the teacher's softmax, after its warm-up (above 0, at most 100) (default 0.04)
---@field warmup_epochs? integer epochs in which it goes linearly from the one to the other (0 to 100000) (default 0)
---@field warmup_teacher_temp? number that temperature at the first step of the warm-up (above 0, at most 100) (default 0.04)

--- Method: give, from every view, what a slow copy gives from another, over prototypes. Trained by lunette.train; a recipe's task of that name takes the same settings.
--- Source: Caron et al. 2021, arXiv 2104.14294
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.dino{encoder = encoder, prototypes = 8}
--- print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})
--- ```
---@param options lunette.SslDinoOptions
---@return lunette.Module # method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)
function lunette.ssl.dino(options) end

---@class lunette.SslVicregOptions
---@field encoder lunette.Module a model: the part that is trained and kept
---@field seed? integer of the heads (default 0)
---@field covariance? number weight of the squared covariances (0 to 1e+06) (default 1)
---@field invariance? number weight of the squared distance between the views (0 to 1e+06) (default 25)
---@field projector? integer[] widths of the projector's layers, the last one its output (default {2048, 2048, 2048})
---@field variance? number weight of the hinge on each dimension's standard deviation (0 to 1e+06) (default 25)

--- Method: make two views' embeddings equal, and their dimensions varied and uncorrelated. Trained by lunette.train; a recipe's task of that name takes the same settings.
--- Source: Bardes et al. 2022, arXiv 2105.04906
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.vicreg{encoder = encoder}
--- print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})
--- ```
---@param options lunette.SslVicregOptions
---@return lunette.Module # method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)
function lunette.ssl.vicreg(options) end

---@class lunette.SslBarlowOptions
---@field encoder lunette.Module a model: the part that is trained and kept
---@field seed? integer of the heads (default 0)
---@field lambda? number weight of the entries off the diagonal (0 to 1e+06) (default 0.0051)
---@field projector? integer[] widths of the projector's layers, the last one its output (default {2048, 2048, 2048})
---@field scale? number factor of the whole loss (0 to 1e+06) (default 1)

--- Method: make the correlation of two views' embeddings the identity. Trained by lunette.train; a recipe's task of that name takes the same settings.
--- Source: Zbontar et al. 2021, arXiv 2103.03230
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.barlow{encoder = encoder}
--- print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})
--- ```
---@param options lunette.SslBarlowOptions
---@return lunette.Module # method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)
function lunette.ssl.barlow(options) end

---@class lunette.OptimSgdOptions
---@field params table[] net:named_parameters(), or a list of {params =, lr =, lr_scale =, weight_decay =, ...}
---@field lr number learning rate per step
---@field momentum? number share of the step before (default 0.9)
---@field weight_decay? number added to the gradient, times the parameter (default 0)
---@field nesterov? boolean look ahead along the momentum (default false)
---@field groups? table[] rules {match = "*.bias", max_ndim =, lr =, lr_scale =, ...}; the first that fits a parameter holds
---@field decay_1d? boolean whether parameters of one axis decay (default true)
---@field clip_norm? number longer gradients are scaled to this length
---@field clip_each? boolean every tensor by its own length (default false)

--- SGD with momentum.
--- Source: Sutskever et al. 2013 (momentum)
--- ```lua
--- local net = lunette.nn.Linear(3, 1):initialize(1)
--- local optimizer = lunette.optim.sgd{params = net:named_parameters(), lr = 0.1}
--- net(lunette.ones(4, 3)):mean():backward()
--- optimizer:step()
--- ```
---@param options lunette.OptimSgdOptions
---@return lunette.Optimizer
function lunette.optim.sgd(options) end

---@class lunette.OptimLarsOptions
---@field params table[] net:named_parameters(), or a list of {params =, lr =, lr_scale =, weight_decay =, ...}
---@field lr number learning rate per step
---@field momentum? number share of the step before (default 0.9)
---@field weight_decay? number added to the gradient, times the parameter (default 0)
---@field eta? number trust coefficient (default 0.02)
---@field clip? boolean the layer's rate is at most lr (default true)
---@field exclude_1d? boolean parameters of one axis take plain steps (default true)
---@field nesterov? boolean look ahead along the momentum (default false)
---@field trust? "sum"|"update" norm the rate is relative to (default "sum")
---@field decayed_only? boolean only parameters that decay get a rate of their own (default false)
---@field groups? table[] rules {match = "*.bias", max_ndim =, lr =, lr_scale =, ...}; the first that fits a parameter holds
---@field decay_1d? boolean whether parameters of one axis decay (default true)
---@field clip_norm? number longer gradients are scaled to this length
---@field clip_each? boolean every tensor by its own length (default false)

--- SGD with a rate of its own for every layer.
--- Source: You et al. 2017, arXiv 1708.03888
--- ```lua
--- local net = lunette.nn.Linear(3, 1):initialize(1)
--- local optimizer = lunette.optim.lars{params = net:named_parameters(), lr = 0.1}
--- net(lunette.ones(4, 3)):mean():backward()
--- optimizer:step()
--- ```
---@param options lunette.OptimLarsOptions
---@return lunette.Optimizer
function lunette.optim.lars(options) end

---@class lunette.OptimAdamwOptions
---@field params table[] net:named_parameters(), or a list of {params =, lr =, lr_scale =, weight_decay =, ...}
---@field lr number learning rate per step
---@field beta1? number of the first moment (default 0.9)
---@field beta2? number of the second (default 0.999)
---@field eps? number added to the root (default 1e-8)
---@field weight_decay? number times lr and the parameter (default 0.01)
---@field groups? table[] rules {match = "*.bias", max_ndim =, lr =, lr_scale =, ...}; the first that fits a parameter holds
---@field decay_1d? boolean whether parameters of one axis decay (default true)
---@field clip_norm? number longer gradients are scaled to this length
---@field clip_each? boolean every tensor by its own length (default false)

--- Adam with decoupled weight decay.
--- Source: Loshchilov and Hutter 2019, arXiv 1711.05101
--- ```lua
--- local net = lunette.nn.Linear(3, 1):initialize(1)
--- local optimizer = lunette.optim.adamw{params = net:named_parameters(), lr = 0.1}
--- net(lunette.ones(4, 3)):mean():backward()
--- optimizer:step()
--- ```
---@param options lunette.OptimAdamwOptions
---@return lunette.Optimizer
function lunette.optim.adamw(options) end

--- Updates every parameter that has a gradient. Gradients stay until zero_grad.
--- ```lua
--- local net = lunette.nn.Linear(3, 1):initialize(1)
--- local optimizer = lunette.optim.sgd{params = net:named_parameters(), lr = 0.1}
--- net(lunette.ones(4, 3)):mean():backward()
--- optimizer:step()
--- ```
---@param lr? number of this step, the optimizer's own by default
---@param now? table options of this step alone, such as {weight_decay = 0.1}
function Optimizer:step(lr, now) end

--- The length of all gradients together; clipped here where clip_norm is set, and not again by the step that follows. Waits for a device.
--- ```lua
--- local w = lunette.ones(2, {requires_grad = true})
--- local loss = (w * 3):sum()
--- loss:backward()
--- print(lunette.optim.sgd{params = {w}, lr = 0.1}:clip_gradients())
--- ```
---@return number # Euclidean, before clipping; NaN or infinite where a gradient is
function Optimizer:clip_gradients() end

--- Forgets all gradients.
--- ```lua
--- local net = lunette.nn.Linear(3, 1):initialize(1)
--- lunette.optim.sgd{params = net:named_parameters(), lr = 0.1}:zero_grad()
--- ```
function Optimizer:zero_grad() end

--- Buffers by "PARAMETER.BUFFER" and the steps taken, for a checkpoint.
--- ```lua
--- local net = lunette.nn.Linear(3, 1):initialize(1)
--- print(next(lunette.optim.sgd{params = net:named_parameters(), lr = 0.1}:state()))
--- ```
---@return table
function Optimizer:state() end

--- Takes over a state.
--- ```lua
--- local net = lunette.nn.Linear(3, 1):initialize(1)
--- local o = lunette.optim.sgd{params = net:named_parameters(), lr = 0.1}
--- o:load_state(o:state(), o.steps)
--- ```
---@param state table as state() gave it
---@param steps integer taken so far
function Optimizer:load_state(state, steps) end

---@class lunette.ScheduleCosineOptions
---@field value number reached after the warm-up
---@field steps integer where the end is reached
---@field warmup? integer steps (default 0)
---@field start? number of the warm-up (default 0)
---@field final? number at the end (default 0)

--- Linear warm-up, then half a cosine.
--- Source: Loshchilov and Hutter 2017, arXiv 1608.03983
--- ```lua
--- local f = lunette.schedule.cosine{value = 1, steps = 100, warmup = 10}
--- print(f(0), f(10), f(100))
--- ```
---@param options lunette.ScheduleCosineOptions
---@return function # f(step) -> number, step from 0
function lunette.schedule.cosine(options) end

---@class lunette.ScheduleConstantOptions
---@field value number reached after the warm-up
---@field warmup? integer steps (default 0)
---@field start? number of the warm-up (default 0)
---@field steps? integer has no effect; taken so that schedules are alike

--- Constant after a linear warm-up.
--- ```lua
--- print(lunette.schedule.constant{value = 1, warmup = 4}(2))
--- ```
---@param options lunette.ScheduleConstantOptions
---@return function # f(step) -> number, step from 0
function lunette.schedule.constant(options) end

---@class lunette.ScheduleRampOptions
---@field from number first value
---@field to number last value
---@field steps integer between them
---@field delay? integer steps before (default 0)
---@field shape? "cosine"|"linear" of the way (default "cosine")

--- From one value to another, then constant; for momentum, weight decay, temperature.
--- ```lua
--- print(lunette.schedule.ramp{from = 0.99, to = 1, steps = 100}(50))
--- ```
---@param options lunette.ScheduleRampOptions
---@return function # f(step) -> number, step from 0
function lunette.schedule.ramp(options) end

---@class lunette.ScheduleStepsOptions
---@field value number at first
---@field milestones integer[] steps
---@field factor? number at each (default 0.1)

--- The value times factor for every milestone passed.
--- ```lua
--- print(lunette.schedule.steps{value = 1, milestones = {5, 8}}(6))
--- ```
---@param options lunette.ScheduleStepsOptions
---@return function # f(step) -> number, step from 0
function lunette.schedule.steps(options) end

---@class lunette.TrainOptions
---@field method lunette.Module of lunette.ssl
---@field loader lunette.Loader of lunette.data.loader
---@field optimizer lunette.Optimizer of the method's parameters
---@field epochs integer passes over the data
---@field learning_rate? function f(step) -> number from 0 on, step from 0
---@field weight_decay? function f(step) -> number
---@field schedules? table {name = f(step)}: values of the method
---@field regularize? function f(h, epoch) -> scalar tensor to add to the loss, or nil
---@field monitor? table of lunette.monitor
---@field on_step? function f{epoch, step, batch, batches, loss, regularizer, lr, grad_norm}
---@field on_epoch? function f(row, progress): {epoch, step, loss, lr, ...}
---@field interrupted? function f() -> signal or nil, asked after every step
---@field on_interrupt? function f(progress), before the error
---@field start? table progress to go on from

--- The training loop: steps, schedules, a check for NaN that names the first op that made one, interrupts.
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.simclr{encoder = encoder, projector = {8}}
--- local train = lunette.data.shapes{n = 8, size = 8}
--- local loader = lunette.data.loader{dataset = train, batch = 4, augment = lunette.augment{preset = "weak"}}
--- local optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.05}
--- lunette.train{method = method, loader = loader, optimizer = optimizer, epochs = 1,
---   on_epoch = function(r) print(r.epoch, r.loss) end}
--- ```
---@param options lunette.TrainOptions
---@return table # progress {epoch, batch, step, loss_sum, extra_sum}
function lunette.train(options) end

---@class lunette.MonitorOptions
---@field dataset? table {images, labels, classes}: what figures of the encoder are taken on
---@field images? integer how many of them, 0 for none (default 1000)
---@field every? integer epochs between those figures (default 1)
---@field norm? lunette.Tensor (2,3) means and deviations of the network's input
---@field batch? integer images at a time (default 256)
---@field knn? boolean accuracy of nearest neighbours (default true)
---@field probe? boolean accuracy of a linear probe (default true)
---@field spectrum? boolean RankMe and alpha-ReQ (default true)
---@field qscore? boolean mean Q-Score (default true)
---@field epsilon? number of the Q-Score (default 4)
---@field collapse? boolean spread of the embeddings (default true)
---@field plateau? boolean losses at which nothing is learned (default true)
---@field on_warning? function f(warning, again); by default a line on stderr

--- For lunette.train: figures of embeddings and encoder in every epoch's row, and warnings of a collapse or a loss that does not move. It changes nothing in the training.
--- Source: RankMe: Garrido et al. 2023, arXiv 2210.02885; alpha-ReQ: Agrawal et al. 2022
--- ```lua
--- local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
--- local method = lunette.ssl.simclr{encoder = encoder, projector = {8}}
--- local train = lunette.data.shapes{n = 8, size = 8}
--- local loader = lunette.data.loader{dataset = train, batch = 4, augment = lunette.augment{preset = "weak"}}
--- local optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.05}
--- local monitor = lunette.monitor{dataset = train, probe = false, knn = false, on_warning = function(w) print(w.message) end}
--- lunette.train{method = method, loader = loader, optimizer = optimizer, epochs = 1, monitor = monitor}
--- print(#monitor.warnings)
--- ```
---@param options lunette.MonitorOptions
---@return table # monitor.warnings lists {kind, epoch, message}
function lunette.monitor(options) end

---@class lunette.DataShapesOptions
---@field n? integer images; a larger n begins with the images of a smaller one (default 4000)
---@field split? "train"|"test"|"heldout" which draws (default "train")
---@field size? integer pixels along a side (default 32)
---@field classes? integer at most 10 (default 10)
---@field correlation? number of background and class, 0..1 (default 0.9)
---@field seed? integer of all draws (default 1)
---@field start? integer number of the first scene (default 1)
---@field clutter? integer small distracting objects (default 3)
---@field rotation? number of the object, at most so many degrees (default 30)
---@field noise? number amplitude, as a share of the range (default 0.04)

--- Scenes made on the fly from a seed: an object with a shape and a texture (core) on a background that belongs to its class with a given probability (spurious), and exact masks of both.
--- ```lua
--- local set = lunette.data.shapes{n = 8, size = 16}
--- print(set.images, set.classes[set.labels[1]])
--- ```
---@param options lunette.DataShapesOptions
---@return table # {n, images, labels, classes, masks = {core, spurious} (n,size,size) u8, grounds (n)}
function lunette.data.shapes(options) end

---@class lunette.DataCifar10Options
---@field root string folder of the official binary files
---@field split? "train"|"test"|"heldout" which part (default "train")
---@field limit? integer only the first so many images
---@field files? string[] names below root for a split of your own

--- CIFAR-10 from its binary files.
--- Source: Krizhevsky 2009
--- ```lua
--- local known, set = pcall(lunette.data.cifar10, {root = "data/cifar10"})
--- print(known and set.n or set)
--- ```
---@param options lunette.DataCifar10Options
---@return table # {n, images (n,3,h,w) u8, labels (n) i64 from 1, classes}
function lunette.data.cifar10(options) end

---@class lunette.DataCifar100Options
---@field root string folder of the official binary files
---@field split? "train"|"test" which part (default "train")
---@field limit? integer only the first so many images
---@field files? string[] names below root for a split of your own

--- CIFAR-100 with its 100 fine labels, from its binary files.
--- Source: Krizhevsky 2009
--- ```lua
--- local known, set = pcall(lunette.data.cifar100, {root = "data/cifar100"})
--- print(known and set.n or set)
--- ```
---@param options lunette.DataCifar100Options
---@return table # {n, images (n,3,h,w) u8, labels (n) i64 from 1, classes}
function lunette.data.cifar100(options) end

---@class lunette.DataStl10Options
---@field root string folder of the official binary files
---@field split? "train"|"test"|"unlabeled"|"train+unlabeled" which part (default "train")
---@field limit? integer only the first so many images

--- STL-10 from its binary files; only train and test have labels.
--- Source: Coates, Ng and Lee 2011
--- ```lua
--- local known, set = pcall(lunette.data.stl10, {root = "data/stl10"})
--- print(known and set.n or set)
--- ```
---@param options lunette.DataStl10Options
---@return table # {n, images (n,3,h,w) u8, labels (n) i64 from 1, classes}
function lunette.data.stl10(options) end

---@class lunette.DataFolderOptions
---@field root string folder
---@field split? string subfolder of root
---@field size? integer pixels along a side (default 224)
---@field classes? string[] subfolders to take, all by default
---@field limit? integer pictures per class

--- Pictures in one subfolder per class, decoded once and held in memory at 3 size^2 bytes each.
--- ```lua
--- local known, set = pcall(lunette.data.folder, {root = "pictures", split = "train", size = 64})
--- print(known and set.n or set)
--- ```
---@param options lunette.DataFolderOptions
---@return table # {n, images (n,3,h,w) u8, labels (n) i64 from 1, classes}
function lunette.data.folder(options) end

---@class lunette.DataLoaderOptions
---@field dataset table of lunette.data, with images (n,3,h,w)
---@field batch integer images
---@field augment? lunette.Policy|string of lunette.augment; without it the images themselves, in one view
---@field views? integer views of an image, as many as the policy has
---@field seed? integer of order and views (default 1)
---@field shuffle? boolean another order every epoch (default true)
---@field drop_last? boolean leave out an incomplete batch (default true)
---@field threads? integer that make views (default 1)
---@field prefetch? integer batches made ahead (default 2)
---@field size? integer pixels of a view
---@field dtype? lunette.DType of the views (default "f32")
---@field device? "cpu"|"cuda" where the views are to be; by default where the images are

--- Batches of augmented views, made ahead by threads of its own.
--- ```lua
--- local set = lunette.data.shapes{n = 8, size = 16}
--- local loader = lunette.data.loader{dataset = set, batch = 4, augment = lunette.augment{preset = "symmetric"}}
--- for batch in loader:epoch(1) do print(batch.index, #batch.views, batch.labels) end
--- ```
---@param options lunette.DataLoaderOptions
---@return lunette.Loader # with .batches per epoch
function lunette.data.loader(options) end

--- Goes through the batches of an epoch. A batch is freed when the next one is taken, unless batch:keep().
--- ```lua
--- local set = lunette.data.shapes{n = 8, size = 16}
--- local loader = lunette.data.loader{dataset = set, batch = 4, augment = lunette.augment{preset = "symmetric"}}
--- for batch in loader:epoch(1) do print(batch.ids) end
--- ```
---@param epoch integer from 1; order and views depend on it
---@param first? integer batch to begin with
---@return function # iterator over {views = {(batch,3,h,w), ...}, labels, ids, index}
function Loader:epoch(epoch, first) end

--- Sends the next batch, where it is made here for a device, so that it travels while the device does what it was given. For loops of one's own, when a step's work has been given; lunette.train does it. Elsewhere nothing happens.
--- ```lua
--- local set = lunette.data.shapes{n = 8, size = 16}
--- local loader = lunette.data.loader{dataset = set, batch = 4, augment = lunette.augment{preset = "symmetric"}}
--- for batch in loader:epoch(1) do
---   print(batch.ids)
---   loader:ahead()
--- end
--- ```
function Loader:ahead() end

--- Ends the loader's threads.
--- ```lua
--- local set = lunette.data.shapes{n = 8, size = 16}
--- local loader = lunette.data.loader{dataset = set, batch = 4, augment = lunette.augment{preset = "symmetric"}}
--- loader:close()
--- ```
function Loader:close() end

---@class lunette.AugmentOptions
---@field preset? string "symmetric", "weak", "asymmetric", "vicreg", "multicrop", "none", or with _imagenet behind
---@field views? string|table[] a preset's name, or one table of these options per view
---@field crop? number[] share of the area kept (default {0.08, 1})
---@field ratio? number[] width to height of the crop (default {3/4, 4/3})
---@field flip? number probability (default 0.5)
---@field jitter? number[] strength of brightness, contrast, saturation, hue (default {0, 0, 0, 0})
---@field jitter_p? number probability (default 0.8)
---@field gray? number probability (default 0)
---@field blur? number probability (default 0)
---@field blur_sigma? number[] pixels (default {0.1, 2})
---@field solarize? number probability (default 0)
---@field threshold? number of solarize (default 0.5)
---@field size? integer pixels of the views, the images' by default
---@field norm? lunette.Tensor|table (2,3) tensor, or {mean = {r, g, b}, std = {r, g, b}}
---@field dtype? "f32"|"bf16" of the views (default "f32")

--- Means and standard deviations per channel as the ops take them.
--- ```lua
--- print(lunette.augment.norm{mean = {0.5, 0.5, 0.5}, std = {0.2, 0.2, 0.2}})
--- ```
---@param norm? lunette.Tensor|table such a tensor, or {mean = {...}, std = {...}}
---@return lunette.Tensor? # nil for nil
function lunette.augment.norm(norm) end

---@class lunette.PolicyApplyOptions
---@field seed? integer of the draws (default 1)
---@field epoch? integer of the draws (default 1)
---@field view? integer which view (default 1)
---@field size? integer pixels
---@field dtype? lunette.DType of the result

--- Views of images. The same numbers give the same bits.
--- ```lua
--- local set = lunette.data.shapes{n = 8, size = 16}
--- print(lunette.augment "weak":apply(set.images, set.labels:narrow(1, 1, 2), {view = 2}))
--- ```
---@param images lunette.Tensor u8, or f32 in [0, 1]
---@param ids lunette.Tensor i64, positions into images
---@param options? lunette.PolicyApplyOptions
---@return lunette.Tensor
function Policy:apply(images, ids, options) end

---@class lunette.ImageReadOptions
---@field channels? 1|3|nil 3 repeats gray; the picture's own by default
---@field batch? boolean (1,c,h,w), channels last (default false)

--- A PNG or JPEG, by content. Alpha is dropped, 16 bits are cut to 8, a JPEG's orientation is applied.
--- ```lua
--- local path = os.tmpname()
--- lunette.image.write(path, lunette.rand(3, 8, 8))
--- print(lunette.image.read(path))
--- os.remove(path)
--- ```
---@param path string of the file
---@param options? lunette.ImageReadOptions
---@return lunette.Tensor # u8
function lunette.image.read(path, options) end

--- A picture as PNG; the file holds its old content or all of the new one.
--- ```lua
--- local path = os.tmpname()
--- lunette.image.write(path, lunette.rand(8, 8))
--- os.remove(path)
--- ```
---@param path string of the file
---@param picture lunette.Tensor (h,w), (1|3,h,w) or (1,1|3,h,w): u8, or floating in [0, 1]
---@param text? table keywords and values kept in the file
function lunette.image.write(path, picture, text) end

---@class lunette.ImageResizeOptions
---@field filter? "bicubic"|"bilinear" bicubic overshoots (default "bicubic")
---@field clamp? boolean keep within [0, 1] (default false)

--- Antialiased, with Pillow's rule: the filter widens when shrinking. u8 becomes x/255.
--- ```lua
--- print(lunette.image.resize(lunette.rand(3, 8, 8), 4, 4))
--- ```
---@param picture lunette.Tensor (c,h,w) or (n,c,h,w)
---@param height integer pixels
---@param width integer pixels
---@param options? lunette.ImageResizeOptions
---@return lunette.Tensor # f32
function lunette.image.resize(picture, height, width, options) end

--- A picture as the bytes of a PNG.
--- ```lua
--- print(#lunette.image.encode(lunette.rand(3, 8, 8)))
--- ```
---@param picture lunette.Tensor (h,w), (1|3,h,w) or (1,1|3,h,w): u8, or floating in [0, 1]
---@return string
function lunette.image.encode(picture) end

--- A tensor from NumPy's .npy file.
--- ```lua
--- local path = os.tmpname()
--- lunette.npy.save(path, lunette.eye(2))
--- print(lunette.npy.load(path))
--- os.remove(path)
--- ```
---@param path string of the file
---@return lunette.Tensor # f32, f64, f16, i64, u8 or bool
function lunette.npy.load(path) end

--- A tensor to a .npy file; the file holds its old content or all of the new one.
--- ```lua
--- local path = os.tmpname()
--- lunette.npy.save(path, lunette.ones(2, 3))
--- os.remove(path)
--- ```
---@param path string of the file
---@param t lunette.Tensor to save
function lunette.npy.save(path, t) end

---@class lunette.WeightsLoadOptions
---@field prefix? string only names that begin so, without it
---@field map? table|function from a name to the name to return, nil leaves it out

--- Tensors by name from a .safetensors file.
--- ```lua
--- local path = os.tmpname()
--- lunette.weights.save(path, {w = lunette.ones(2)})
--- print(lunette.weights.load(path).w)
--- os.remove(path)
--- ```
---@param path string of the file
---@param options? lunette.WeightsLoadOptions
---@return table # tensors by name
---@return table # metadata
function lunette.weights.load(path, options) end

--- Tensors to a .safetensors file; the file holds its old content or all of the new one.
--- ```lua
--- local path = os.tmpname()
--- lunette.weights.save(path, lunette.nn.Linear(2, 2):state())
--- os.remove(path)
--- ```
---@param path string of the file
---@param tensors table by name
---@param metadata? table strings by name
function lunette.weights.save(path, tensors, metadata) end

---@class lunette.QscoreScoreOptions
---@field epsilon? number a feature is highly active above the row's mean + epsilon standard deviations (ddof 1) (default 4)
---@field features? lunette.Tensor|integer[] D; by default found in h by low, high and over (form v6)
---@field form? "v6"|"v3"|"v1" version of the definition (default "v6")
---@field low? number percentile, as a share (default 0.5)
---@field high? number percentile, as a share (default 0.95)
---@field over? "all"|"nonzero" features whose shares are ranked (default "all")

--- The Q-Score of every row: the mean of h minus the row's mean over its highly active features among D.
--- Source: arXiv 2203.01881
--- ```lua
--- local h = lunette.randn(20, 32, {seed = 1}):relu()
--- print(lunette.qscore.score(h, {epsilon = 2}))
--- ```
---@param h lunette.Tensor representations before the projector, one per row; at least 0, as after a ReLU
---@param options? lunette.QscoreScoreOptions
---@return lunette.Tensor # scores, 0 where the set is empty
---@return lunette.Tensor # sizes of the sets
---@return lunette.Tensor? # D, positions from 1
function lunette.qscore.score(h, options) end

---@class lunette.QscoreActivationOptions
---@field epsilon? number a feature is highly active above the row's mean + epsilon standard deviations (ddof 1) (default 4)

--- Share of the samples in which each feature is highly active.
--- Source: arXiv 2203.01881
--- ```lua
--- local h = lunette.randn(20, 32, {seed = 1}):relu()
--- print((lunette.qscore.activation(h, {epsilon = 2})))
--- ```
---@param h lunette.Tensor representations before the projector, one per row; at least 0, as after a ReLU
---@param options? lunette.QscoreActivationOptions
---@return lunette.Tensor # shares
---@return lunette.Tensor # highly active features of each row
function lunette.qscore.activation(h, options) end

---@class lunette.QscoreDiscriminativeOptions
---@field epsilon? number a feature is highly active above the row's mean + epsilon standard deviations (ddof 1) (default 4)
---@field low? number percentile, as a share (default 0.5)
---@field high? number percentile, as a share (default 0.95)
---@field over? "all"|"nonzero" features whose shares are ranked (default "all")

--- The features whose share lies between two percentiles, ends included.
--- Source: arXiv 2203.01881
--- ```lua
--- local h = lunette.randn(20, 32, {seed = 1}):relu()
--- print(lunette.qscore.discriminative(h, {epsilon = 2}))
--- ```
---@param h lunette.Tensor representations before the projector, one per row; at least 0, as after a ReLU
---@param options? lunette.QscoreDiscriminativeOptions
---@return lunette.Tensor # positions from 1, i64
---@return number # lower bound
---@return number # upper bound
function lunette.qscore.discriminative(h, options) end

---@class lunette.QscoreRegularizerOptions
---@field low_weight? number of low scores (default 1e-4)
---@field over_weight? number of features active for everyone (default 1e-4)
---@field epsilon? number a feature is highly active above the row's mean + epsilon standard deviations (ddof 1) (default 4)
---@field features? lunette.Tensor|integer[] positions of the features that count

--- A loss to be added: it raises scores below their mean and holds back features with an L1 norm above theirs.
--- Source: arXiv 2203.01881
--- ```lua
--- local h = lunette.randn(20, 32, {seed = 1}):relu()
--- print((lunette.qscore.regularizer(h, {epsilon = 2})))
--- ```
---@param h lunette.Tensor representations before the projector, one per row; at least 0, as after a ReLU
---@param options? lunette.QscoreRegularizerOptions
---@return lunette.Tensor # the loss
---@return lunette.Tensor # scores
---@return lunette.Tensor # sizes of the sets
---@return lunette.Tensor # L1 norms of h's columns
function lunette.qscore.regularizer(h, options) end

---@class lunette.QscoreSweepOptions
---@field epsilons? number[] to try (default {1, 2, 3, 4})
---@field correct? lunette.Tensor|table which samples are positive
---@field on? lunette.Tensor representations in which D is found, h by default
---@field features? lunette.Tensor|integer[] positions of the features that count
---@field form? "v6"|"v3"|"v1" version of the definition (default "v6")
---@field low? number percentile, as a share (default 0.5)
---@field high? number percentile, as a share (default 0.95)
---@field over? "all"|"nonzero" features whose shares are ranked (default "all")

--- The score over several epsilon, as a predictor of what is correct.
--- Source: arXiv 2203.01881
--- ```lua
--- local h = lunette.randn(20, 32, {seed = 1}):relu()
--- for _, row in ipairs(lunette.qscore.sweep(h)) do print(row.epsilon, row.mean, row.empty_share) end
--- ```
---@param h lunette.Tensor representations before the projector, one per row; at least 0, as after a ReLU
---@param options? lunette.QscoreSweepOptions
---@return table[] # {epsilon, mean, empty_share, n, features, auroc, auprc, base_rate}
function lunette.qscore.sweep(h, options) end

--- Area under the ROC curve: the share of pairs in the right order, ties one half; 0.5 is chance.
--- Source: Fawcett 2006
--- ```lua
--- local scores, right = {0.9, 0.8, 0.3, 0.1}, {1, 0, 1, 0}
--- print(lunette.metrics.auroc(scores, right))
--- ```
---@param scores lunette.Tensor|number[] higher is to mean positive
---@param positive lunette.Tensor|table bool or 0/1
---@return number? # nil and a sentence where it is undefined
function lunette.metrics.auroc(scores, positive) end

--- Average precision, equal scores taken as one step; compare it with base_rate(positive).
--- Source: Davis and Goadrich 2006
--- ```lua
--- local scores, right = {0.9, 0.8, 0.3, 0.1}, {1, 0, 1, 0}
--- print(lunette.metrics.auprc(scores, right))
--- ```
---@param scores lunette.Tensor|number[] higher is to mean positive
---@param positive lunette.Tensor|table bool or 0/1
---@return number? # nil and a sentence where it is undefined
function lunette.metrics.auprc(scores, positive) end

--- Share of positives.
--- ```lua
--- print(lunette.metrics.base_rate({1, 0, 1, 0}))
--- ```
---@param positive lunette.Tensor|table bool or 0/1
---@return number? # 0..1
function lunette.metrics.base_rate(positive) end

--- Precision and recall at every threshold; the last point is precision 1 at recall 0.
--- ```lua
--- local scores, right = {0.9, 0.8, 0.3, 0.1}, {1, 0, 1, 0}
--- print(lunette.metrics.pr_curve(scores, right))
--- ```
---@param scores lunette.Tensor|number[] higher is to mean positive
---@param positive lunette.Tensor|table bool or 0/1
---@return lunette.Tensor # precision
---@return lunette.Tensor # recall
---@return lunette.Tensor # thresholds, ascending
function lunette.metrics.pr_curve(scores, positive) end

--- False and true positive rates, from (0, 0) to (1, 1).
--- ```lua
--- local scores, right = {0.9, 0.8, 0.3, 0.1}, {1, 0, 1, 0}
--- print(lunette.metrics.roc_curve(scores, right))
--- ```
---@param scores lunette.Tensor|number[] higher is to mean positive
---@param positive lunette.Tensor|table bool or 0/1
---@return lunette.Tensor # false positive rate
---@return lunette.Tensor # true positive rate
function lunette.metrics.roc_curve(scores, positive) end

---@class lunette.MetricsAccuracyOptions
---@field k? integer how many of the largest scores count (default 1)

--- Share of samples that are right.
--- ```lua
--- print(lunette.metrics.accuracy({1, 2, 3}, {1, 2, 2}))
--- ```
---@param predicted lunette.Tensor|table positions (n), or scores (n,classes)
---@param labels lunette.Tensor|integer[] from 1
---@param options? lunette.MetricsAccuracyOptions
---@return number? # 0..1
function lunette.metrics.accuracy(predicted, labels, options) end

---@class lunette.MetricsBootstrapOptions
---@field metric? "auroc"|"auprc"|function of scores and positive, or f(positions) with n; without it the mean of values
---@field scores? lunette.Tensor|number[] to rank by
---@field positive? lunette.Tensor|table bool or 0/1
---@field values? lunette.Tensor|number[] to take the mean of
---@field against? lunette.Tensor|number[] other scores or values of the same samples: the figure is the difference
---@field n? integer samples of a function
---@field draws? integer resamples (default 1000)
---@field level? number of the interval (default 0.95)
---@field seed? integer of the draws (default 0)

--- A figure and its percentile interval over resamples with replacement.
--- Source: Efron 1979
--- ```lua
--- print(lunette.metrics.bootstrap{values = {1, 0, 1, 1}, draws = 100})
--- ```
---@param options lunette.MetricsBootstrapOptions
---@return number # the figure
---@return number? # lower end
---@return number? # upper end
---@return integer # resamples in which it was undefined
function lunette.metrics.bootstrap(options) end

---@class lunette.MetricsPairedOptions
---@field draws? integer resamples (default 1000)
---@field level? number of the interval (default 0.95)
---@field seed? integer of the draws (default 0)

--- Difference of two accuracies on the same samples, with its interval.
--- ```lua
--- print(lunette.metrics.paired({1, 0, 1, 1}, {1, 0, 0, 1}, {draws = 100}))
--- ```
---@param correct_a lunette.Tensor|table bool or 0/1
---@param correct_b lunette.Tensor|table bool or 0/1
---@param options? lunette.MetricsPairedOptions
---@return number # a minus b
---@return number # lower end
---@return number # upper end
function lunette.metrics.paired(correct_a, correct_b, options) end

--- Wilson's interval of a share.
--- Source: Wilson 1927
--- ```lua
--- print(lunette.metrics.wilson(90, 100))
--- ```
---@param hits integer successes
---@param n integer trials
---@param level? number of the interval
---@return number # lower end
---@return number # upper end
function lunette.metrics.wilson(hits, n, level) end

--- What a score must beat.
--- ```lua
--- local h = lunette.randn(20, 32, {seed = 1}):relu()
--- print(lunette.metrics.baselines(h).l2_norm)
--- ```
---@param h lunette.Tensor representations before the projector, one per row; at least 0, as after a ReLU
---@return table # {max_activation, l1_norm, l2_norm}, each (n)
function lunette.metrics.baselines(h) end

---@class lunette.MetricsKnnDensityOptions
---@field k? integer neighbours (default 20)

--- Mean cosine to the k nearest rows.
--- ```lua
--- local h = lunette.randn(20, 32, {seed = 1}):relu()
--- print(lunette.metrics.knn_density(h, h, {k = 3}))
--- ```
---@param h lunette.Tensor representations before the projector, one per row; at least 0, as after a ReLU
---@param bank lunette.Tensor rows to look among
---@param options? lunette.MetricsKnnDensityOptions
---@return lunette.Tensor # f32
function lunette.metrics.knn_density(h, bank, options) end

---@class lunette.MetricsRankmeOptions
---@field eps? number added to each share (default 1e-7)

--- How many directions the representations use: exp of the entropy of the singular values, from 1 to min(n,r).
--- Source: Garrido et al. 2023, arXiv 2210.02885
--- ```lua
--- print(lunette.metrics.rankme(lunette.randn(20, 8, {seed = 1})))
--- ```
---@param z lunette.Tensor representations, one per row
---@param options? lunette.MetricsRankmeOptions
---@return number
function lunette.metrics.rankme(z, options) end

---@class lunette.MetricsAlphaReqOptions
---@field first? integer rank (default 5)
---@field last? integer rank, or the last there is (default 100)

--- The exponent of the decay of the covariance's eigenvalues over ranks first..last.
--- Source: Agrawal et al. 2022
--- ```lua
--- print(lunette.metrics.alpha_req(lunette.randn(40, 16, {seed = 1})))
--- ```
---@param z lunette.Tensor representations, one per row
---@param options? lunette.MetricsAlphaReqOptions
---@return number
function lunette.metrics.alpha_req(z, options) end

--- Largest first, min(n,r) of them.
--- ```lua
--- print(lunette.metrics.singular_values(lunette.eye(3))[1])
--- ```
---@param z lunette.Tensor representations, one per row
---@return number[]
function lunette.metrics.singular_values(z) end

--- Largest first, min(n,r) of them; the covariance is divided by n - 1.
--- ```lua
--- print(lunette.metrics.covariance_eigenvalues(lunette.randn(9, 3, {seed = 1}))[1])
--- ```
---@param z lunette.Tensor representations, one per row
---@return number[]
function lunette.metrics.covariance_eigenvalues(z) end

---@class lunette.ProbeLinearOptions
---@field features lunette.Tensor of the training images
---@field labels lunette.Tensor|integer[] from 1
---@field test_features lunette.Tensor of the test images
---@field test_labels lunette.Tensor|integer[] from 1
---@field classes? integer how many; by default the largest label
---@field solver? "lbfgs"|"sgd" to convergence, or as papers do (default "lbfgs")
---@field l2? number weight of the penalty, 1e-4 with lbfgs, 0 with sgd
---@field max_iter? integer of lbfgs (default 1000)
---@field tol? number of lbfgs: largest element of the gradient (default 1e-5)
---@field epochs? integer of sgd (default 100)
---@field batch? integer of sgd (default 256)
---@field lr? number of sgd, a tenth after 60 % and 80 % (default 0.1)
---@field momentum? number of sgd (default 0.9)
---@field seed? integer of sgd's order (default 0)
---@field standardise? boolean features of mean 0 and variance 1 (default true)
---@field columns? lunette.Tensor|integer[] only these features
---@field level? number of the interval (default 0.95)

--- Softmax regression on frozen features.
--- ```lua
--- local labels = {1, 2, 1, 2, 1, 2, 1, 2}
--- local h = lunette.randn(8, 4, {seed = 1}) + lunette.tensor(labels):reshape(8, 1) * 3
--- print(lunette.probe.linear{features = h, labels = labels, test_features = h, test_labels = labels}.top1)
--- ```
---@param options lunette.ProbeLinearOptions
---@return table # {top1, ci_low, ci_high, n, predictions, confidence, correct, per_class, train_top1, loss, weight (classes,d), bias, ...}
function lunette.probe.linear(options) end

---@class lunette.ProbeKnnOptions
---@field features lunette.Tensor of the training images
---@field labels lunette.Tensor|integer[] from 1
---@field test_features lunette.Tensor of the test images
---@field test_labels lunette.Tensor|integer[] from 1
---@field classes? integer how many; by default the largest label
---@field k? integer neighbours (default 20)
---@field temperature? number above 0 (default 0.07)
---@field level? number of the interval (default 0.95)

--- A weighted vote of the k nearest rows by cosine, each with weight exp(cosine / temperature).
--- Source: Wu et al. 2018, arXiv 1805.01978, section 3.4
--- ```lua
--- local labels = {1, 2, 1, 2, 1, 2, 1, 2}
--- local h = lunette.randn(8, 4, {seed = 1}) + lunette.tensor(labels):reshape(8, 1) * 3
--- print(lunette.probe.knn{features = h, labels = labels, test_features = h, test_labels = labels, k = 3}.top1)
--- ```
---@param options lunette.ProbeKnnOptions
---@return table # {top1, ci_low, ci_high, n, k, predictions, confidence, correct, per_class, votes, nearest, similarity}
function lunette.probe.knn(options) end

---@class lunette.ExplainHeatmapOptions
---@field feature? integer one feature, from 1
---@field features? integer[] several
---@field per_image? table one or several per image
---@field method? "gradcam"|"activation"|"input"|"integrated"|"smooth" how (default "gradcam")
---@field norm? lunette.Tensor (2,3) means and deviations, as trained
---@field steps? integer of integrated (default 16)
---@field baseline? number of integrated (default 0)
---@field samples? integer of smooth (default 16)
---@field noise? number of smooth, a share of the range (default 0.15)
---@field seed? integer of smooth (default 0)
---@field unit? boolean stretch each map to 0..1 (default false)

--- Where in an image a feature of the representation looks.
--- Source: Selvaraju et al. 2017 (gradcam); Simonyan et al. 2014 (input); Sundararajan et al. 2017 (integrated); Smilkov et al. 2017 (smooth)
--- ```lua
--- local encoder = lunette.models.conv4{width = 4}
--- print(lunette.explain.heatmap(encoder, lunette.rand(3, 16, 16), {feature = 1}))
--- ```
---@param encoder lunette.Module a model
---@param images lunette.Tensor (3,h,w) or (n,3,h,w): the network's input, or u8 with norm
---@param options? lunette.ExplainHeatmapOptions
---@return lunette.Tensor # (n,h,w) f32, (n,k,h,w) with several features; without n for one image
function lunette.explain.heatmap(encoder, images, options) end

---@class lunette.ExplainIouOptions
---@field threshold? number share of the maximum (default 0.5)
---@field thresholds? number[] several

--- Intersection over union of a mask with the pixels of at least a share of the map's maximum.
--- ```lua
--- local map = lunette.rand(8, 8, {seed = 1})
--- local mask = map:le(0.5)
--- print(lunette.explain.iou(map, mask))
--- ```
---@param map lunette.Tensor (h,w) or (n,h,w)
---@param mask lunette.Tensor of its shape: bool or u8, or floating, positive inside
---@param options? lunette.ExplainIouOptions
---@return number|lunette.Tensor # a number for one map, f64 for several
function lunette.explain.iou(map, mask, options) end

--- 1 where the map's first maximum lies in the mask, else 0.
--- Source: Zhang et al. 2018
--- ```lua
--- local map = lunette.rand(8, 8, {seed = 1})
--- local mask = map:le(0.5)
--- print(lunette.explain.pointing(map, mask))
--- ```
---@param map lunette.Tensor (h,w) or (n,h,w)
---@param mask lunette.Tensor of its shape: bool or u8, or floating, positive inside
---@return number|lunette.Tensor # a number for one map, f64 for several
function lunette.explain.pointing(map, mask) end

--- Share of the map's positive sum that lies in the mask.
--- Source: Wang et al. 2020
--- ```lua
--- local map = lunette.rand(8, 8, {seed = 1})
--- local mask = map:le(0.5)
--- print(lunette.explain.energy(map, mask))
--- ```
---@param map lunette.Tensor (h,w) or (n,h,w)
---@param mask lunette.Tensor of its shape: bool or u8, or floating, positive inside
---@return number|lunette.Tensor # a number for one map, f64 for several
function lunette.explain.energy(map, mask) end

---@class lunette.ExplainScoresOptions
---@field thresholds? number[] of iou (default {0.5})

--- iou, pointing and energy in one pass.
--- ```lua
--- local map = lunette.rand(8, 8, {seed = 1})
--- local mask = map:le(0.5)
--- print(lunette.explain.scores(map, mask, {thresholds = {0.25, 0.5}}))
--- ```
---@param map lunette.Tensor (h,w) or (n,h,w)
---@param mask lunette.Tensor of its shape: bool or u8, or floating, positive inside
---@param options? lunette.ExplainScoresOptions
---@return lunette.Tensor # iou
---@return lunette.Tensor # pointing
---@return lunette.Tensor # energy
function lunette.explain.scores(map, mask, options) end

--- Each map stretched to 0..1; a constant one becomes 0.
--- ```lua
--- local map = lunette.rand(8, 8, {seed = 1})
--- print(lunette.explain.unit_range(map):max(1))
--- ```
---@param map lunette.Tensor (h,w) or (n,h,w)
---@return lunette.Tensor
function lunette.explain.unit_range(map) end

---@class lunette.ExplainOverlayOptions
---@field alpha? number opacity of the maps (default 0.5)

--- Heatmaps over their images, from dark blue over red to pale yellow.
--- ```lua
--- local map = lunette.rand(8, 8, {seed = 1})
--- print(lunette.explain.overlay(lunette.rand(3, 8, 8), map))
--- ```
---@param images lunette.Tensor (n,3,h,w) or (3,h,w): u8, or floating in [0, 1]
---@param maps lunette.Tensor (n,h,w) or (h,w), clipped to [0, 1]
---@param options? lunette.ExplainOverlayOptions
---@return lunette.Tensor # u8 pictures (n,3,h,w) or (3,h,w)
function lunette.explain.overlay(images, maps, options) end

---@class lunette.ExplainMontageOptions
---@field columns? integer pictures in a row; about as many as rows by default
---@field pad? integer pixels between (default 2)
---@field captions? string[] above each; capitals, digits and signs
---@field scale? integer size of the letters (default 1)

--- Pictures in rows, as one picture on white.
--- ```lua
--- local set = lunette.data.shapes{n = 4, size = 16}
--- print(lunette.explain.montage(set.images, {columns = 2}))
--- ```
---@param pictures lunette.Tensor u8
---@param options? lunette.ExplainMontageOptions
---@return lunette.Tensor # u8
function lunette.explain.montage(pictures, options) end

---@class lunette.ImageOverlayOptions
---@field alpha? number opacity of the maps (default 0.5)

--- Heatmaps over their images, from dark blue over red to pale yellow.
--- ```lua
--- local map = lunette.rand(8, 8, {seed = 1})
--- print(lunette.image.overlay(lunette.rand(3, 8, 8), map))
--- ```
---@param images lunette.Tensor (n,3,h,w) or (3,h,w): u8, or floating in [0, 1]
---@param maps lunette.Tensor (n,h,w) or (h,w), clipped to [0, 1]
---@param options? lunette.ImageOverlayOptions
---@return lunette.Tensor # u8 pictures (n,3,h,w) or (3,h,w)
function lunette.image.overlay(images, maps, options) end

---@class lunette.ImageMontageOptions
---@field columns? integer pictures in a row; about as many as rows by default
---@field pad? integer pixels between (default 2)
---@field captions? string[] above each; capitals, digits and signs
---@field scale? integer size of the letters (default 1)

--- Pictures in rows, as one picture on white.
--- ```lua
--- local set = lunette.data.shapes{n = 4, size = 16}
--- print(lunette.image.montage(set.images, {columns = 2}))
--- ```
---@param pictures lunette.Tensor u8
---@param options? lunette.ImageMontageOptions
---@return lunette.Tensor # u8
function lunette.image.montage(pictures, options) end

---@class lunette.PlotShowOptions
---@field columns? integer at most so many characters, or pixels of a protocol
---@field protocol? "kitty"|"iterm2"|"truecolor"|"256"|nil by default what the terminal can

--- Draws a picture, or a heatmap stretched to its range, on the terminal: by kitty's or iTerm2's protocol, or in half-blocks.
--- ```lua
--- local map = lunette.rand(8, 8, {seed = 1})
--- lunette.plot.show(map, {protocol = "256"})
--- ```
---@param x lunette.Tensor picture (1|3,h,w), u8 or in [0, 1]; heatmap (h,w)
---@param options? lunette.PlotShowOptions
function lunette.plot.show(x, options) end

---@class lunette.PlotLinesOptions
---@field series table[] {name =, x =, y =, low =, high =, dash =}, arrays of one length
---@field title? string above
---@field x_label? string below
---@field y_label? string beside
---@field log_y? boolean logarithmic (default false)
---@field percent_y? boolean shares as per cent (default false)
---@field y_min? number lower end
---@field y_max? number upper end
---@field width? number pixels
---@field height? number pixels

--- A chart of lines over x, with an optional band around each.
--- ```lua
--- local c = lunette.plot.lines{series = {{name = "loss", x = {1, 2, 3}, y = {3, 2, 1}}}}
--- print(#lunette.plot.svg(c))
--- ```
---@param options lunette.PlotLinesOptions
---@return lunette.Chart # a display list, for plot.svg and plot.save
function lunette.plot.lines(options) end

---@class lunette.PlotScatterOptions
---@field series table[] {name =, x =, y =}
---@field title? string above
---@field x_label? string below
---@field y_label? string beside
---@field log_y? boolean logarithmic (default false)
---@field percent_y? boolean shares as per cent (default false)
---@field width? number pixels
---@field height? number pixels

--- A chart of points.
--- ```lua
--- print(#lunette.plot.svg(lunette.plot.scatter{series = {{x = {1, 2}, y = {2, 1}}}}))
--- ```
---@param options lunette.PlotScatterOptions
---@return lunette.Chart # a display list, for plot.svg and plot.save
function lunette.plot.scatter(options) end

---@class lunette.PlotBarsOptions
---@field bars table[] {name =, value =, low =, high =, color =}
---@field title? string above
---@field x_label? string below
---@field percent? boolean shares as per cent (default false)
---@field limit? number right end of the axis
---@field width? number pixels
---@field row? number pixels of a bar (default 34)

--- Horizontal bars from zero with intervals.
--- ```lua
--- print(#lunette.plot.svg(lunette.plot.bars{bars = {{name = "a", value = 0.4}}, percent = true}))
--- ```
---@param options lunette.PlotBarsOptions
---@return lunette.Chart # a display list, for plot.svg and plot.save
function lunette.plot.bars(options) end

---@class lunette.PlotHistogramOptions
---@field groups table[] {name =, values =}, or {name =, counts =, n =} with edges
---@field edges? number[] bins + 1, ascending
---@field bins? integer parts of the common range (default 30)
---@field title? string above
---@field x_label? string below
---@field width? number pixels
---@field height? number pixels

--- Histogram of one or two groups over the same bins, each normalised to its own size.
--- ```lua
--- print(#lunette.plot.svg(lunette.plot.histogram{groups = {{name = "a", values = {1, 2, 2, 3}}}, bins = 3}))
--- ```
---@param options lunette.PlotHistogramOptions
---@return lunette.Chart # a display list, for plot.svg and plot.save
function lunette.plot.histogram(options) end

---@class lunette.PlotPrCurveOptions
---@field curves table[] {name =, recall = ascending, precision =, auprc =, low =, high =}
---@field base_rate? number reference line
---@field title? string above
---@field width? number pixels
---@field height? number pixels

--- Precision over recall, with the area in the legend.
--- ```lua
--- print(#lunette.plot.svg(lunette.plot.pr_curve{curves = {{name = "a", recall = {0, 1}, precision = {1, 0.5}}}}))
--- ```
---@param options lunette.PlotPrCurveOptions
---@return lunette.Chart # a display list, for plot.svg and plot.save
function lunette.plot.pr_curve(options) end

---@class lunette.PlotRocOptions
---@field curves table[] {name =, fpr =, tpr =, auroc =, low =, high =}
---@field title? string above
---@field width? number pixels
---@field height? number pixels

--- True over false positive rate, with the area in the legend.
--- ```lua
--- print(#lunette.plot.svg(lunette.plot.roc{curves = {{name = "a", fpr = {0, 1}, tpr = {0, 1}}}}))
--- ```
---@param options lunette.PlotRocOptions
---@return lunette.Chart # a display list, for plot.svg and plot.save
function lunette.plot.roc(options) end

---@class lunette.PlotSvgOptions
---@field standalone? boolean a file of its own (default false)

--- A chart as SVG: same chart, same bytes.
--- ```lua
--- print(#lunette.plot.svg(lunette.plot.scatter{series = {{x = {1, 2}, y = {2, 1}}}}, {standalone = true}))
--- ```
---@param chart lunette.Chart of a plot function
---@param options? lunette.PlotSvgOptions
---@return string
function lunette.plot.svg(chart, options) end

--- Writes a chart as a standalone SVG file.
--- ```lua
--- local path = os.tmpname()
--- lunette.plot.save(path, lunette.plot.scatter{series = {{x = {1, 2}, y = {2, 1}}}})
--- os.remove(path)
--- ```
---@param path string of the file
---@param chart lunette.Chart of a plot function
---@return string # the path
function lunette.plot.save(path, chart) end

--- Reads and checks a recipe; every mistake is reported at once.
--- ```lua
--- local text = 'return {format = 1, name = "knn", data = {s = {kind = "shapes", n_train = 8, n_test = 8}}, '
---   .. 'model = {backbone = "resnet18", width = 4}, '
---   .. 'stages = {{name = "probe", task = "knn", k = 3, from = "random", data = "s:train", test = "s:test"}}}'
--- local path = os.tmpname()
--- local file = io.open(path, "w")
--- file:write(text):close()
--- print(lunette.recipe.load(path).name)
--- os.remove(path)
--- ```
---@param path string of the recipe
---@param set? string[] overrides "stage.key=value"
---@param smoke? boolean with the recipe's own tiny settings
---@return table? # the recipe with every default filled in; nil where there are mistakes
---@return table # {sources, overrides}; or the list of mistakes, each with file, line, message
function lunette.recipe.load(path, set, smoke) end

--- Whether a recipe is valid.
--- ```lua
--- local text = 'return {format = 1, name = "knn", data = {s = {kind = "shapes", n_train = 8, n_test = 8}}, '
---   .. 'model = {backbone = "resnet18", width = 4}, '
---   .. 'stages = {{name = "probe", task = "knn", k = 3, from = "random", data = "s:train", test = "s:test"}}}'
--- local path = os.tmpname()
--- local file = io.open(path, "w")
--- file:write(text):close()
--- print(lunette.recipe.check(path))
--- os.remove(path)
--- ```
---@param path string of the recipe
---@param set? string[] overrides "stage.key=value"
---@param smoke? boolean with the recipe's own tiny settings
---@return boolean
---@return table? # the list of mistakes
function lunette.recipe.check(path, set, smoke) end

--- A recipe with each of several lists of overrides, of one reading of its files; mistakes of all, each once.
--- ```lua
--- local text = 'return {format = 1, name = "knn", data = {s = {kind = "shapes", n_train = 8, n_test = 8}}, '
---   .. 'model = {backbone = "resnet18", width = 4}, '
---   .. 'stages = {{name = "probe", task = "knn", k = 3, from = "random", data = "s:train", test = "s:test"}}}'
--- local path = os.tmpname()
--- local file = io.open(path, "w")
--- file:write(text):close()
--- print(#lunette.recipe.variants(path, {{"seed=1"}, {"seed=2"}}))
--- os.remove(path)
--- ```
---@param path string of the recipe
---@param sets table[] lists of overrides
---@param smoke? boolean with the recipe's own tiny settings
---@return table[]? # {config, info} each, as of load; nil where there are mistakes
---@return table? # the list of mistakes
function lunette.recipe.variants(path, sets, smoke) end

--- The files that a recipe consists of, bases first and the recipe last.
--- ```lua
--- local text = 'return {format = 1, name = "knn", data = {s = {kind = "shapes", n_train = 8, n_test = 8}}, '
---   .. 'model = {backbone = "resnet18", width = 4}, '
---   .. 'stages = {{name = "probe", task = "knn", k = 3, from = "random", data = "s:train", test = "s:test"}}}'
--- local path = os.tmpname()
--- local file = io.open(path, "w")
--- file:write(text):close()
--- print(#lunette.recipe.files(path))
--- os.remove(path)
--- ```
---@param path string of the recipe
---@return table[]? # {path, relative, text, sha256} each; nil where there are mistakes
---@return table? # the list of mistakes
function lunette.recipe.files(path) end

--- As load, for a recipe that is not a file and extends nothing.
--- ```lua
--- local text = 'return {format = 1, name = "knn", data = {s = {kind = "shapes", n_train = 8, n_test = 8}}, '
---   .. 'model = {backbone = "resnet18", width = 4}, '
---   .. 'stages = {{name = "probe", task = "knn", k = 3, from = "random", data = "s:train", test = "s:test"}}}'
--- print(lunette.recipe.from_text(text, "text").seed)
--- ```
---@param text string of the recipe
---@param name string for messages
---@param set? string[] overrides "stage.key=value"
---@param smoke? boolean with the recipe's own tiny settings
---@return table? # the recipe with every default filled in; nil where there are mistakes
---@return table # {sources, overrides}; or the list of mistakes, each with file, line, message
function lunette.recipe.from_text(text, name, set, smoke) end

--- A resolved config.json, checked like a recipe.
--- ```lua
--- local text = 'return {format = 1, name = "knn", data = {s = {kind = "shapes", n_train = 8, n_test = 8}}, '
---   .. 'model = {backbone = "resnet18", width = 4}, '
---   .. 'stages = {{name = "probe", task = "knn", k = 3, from = "random", data = "s:train", test = "s:test"}}}'
--- local config = lunette.recipe.from_text(text, "text")
--- print(lunette.recipe.from_config(lunette.recipe.canonical(config), "config.json").name)
--- ```
---@param text string JSON
---@param name string for messages
---@return table? # the configuration
---@return table? # the list of mistakes
function lunette.recipe.from_config(text, name) end

--- The bytes of config.json, of which the configuration's hash is taken.
--- ```lua
--- local text = 'return {format = 1, name = "knn", data = {s = {kind = "shapes", n_train = 8, n_test = 8}}, '
---   .. 'model = {backbone = "resnet18", width = 4}, '
---   .. 'stages = {{name = "probe", task = "knn", k = 3, from = "random", data = "s:train", test = "s:test"}}}'
--- print(#lunette.recipe.canonical(lunette.recipe.from_text(text, "text")))
--- ```
---@param config table of load
---@return string
function lunette.recipe.canonical(config) end

--- What `lunette run RECIPE` does.
--- ```lua
--- print(type(lunette.recipe.run)) -- lunette.recipe.run("recipe.lua", {out = "runs/first"})
--- ```
---@param path string of the recipe
---@param options? table see `lunette run --help`
---@return integer # exit code, as of `lunette run`
function lunette.recipe.run(path, options) end

--- What `lunette resume DIR` does.
--- ```lua
--- print(type(lunette.recipe.resume)) -- lunette.recipe.resume("runs/first")
--- ```
---@param dir string run directory
---@param options? table see `lunette resume --help`
---@return integer # exit code, as of `lunette run`
function lunette.recipe.resume(dir, options) end

--- The report of a run directory as one string.
--- ```lua
--- print(pcall(lunette.report.html, "runs/first"))
--- ```
---@param dir string run directory
---@param charts? table gets {name, chart} of every chart
---@return string
function lunette.report.html(dir, charts) end

--- Writes DIR/report.html, whole or not at all, and DIR/figures/NAME.svg.
--- ```lua
--- print(pcall(lunette.report.write, "runs/first"))
--- ```
---@param dir string run directory
---@return string # path of the report
---@return table # warnings
function lunette.report.write(dir) end

--- While on, the first op whose output holds a NaN raises and names itself, also in backward.
--- ```lua
--- lunette.debug.trace_nan(true)
--- print(pcall(lunette.ops.log, lunette.tensor({-1})))
--- lunette.debug.trace_nan(false)
--- ```
---@param on boolean whether
---@param infinities? boolean whether infinities raise as well, false by default
function lunette.debug.trace_nan(on, infinities) end

--- Calls f and says where the time went: {op, seconds, forward, forward_seconds, backward, backward_seconds, within, within_seconds} per op, the costliest first: runs outside a backward pass; its gradient with all that ran for it; runs within a backward pass, that same time by the op that took it.
--- ```lua
--- print((lunette.debug.profile(function() return lunette.randn(64, 64):matmul(lunette.eye(64)) end)))
--- ```
---@param f function to call
---@param ... any its arguments
---@return table # rows; rows.seconds is all of f, tostring(rows) a table to read
---@return any ... # what f returns
function lunette.debug.profile(f, ...) end

--- The same elements, dense in row-major order; x itself where it is so already.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.contiguous(x) end

--- The same elements, dense in row-major order; x itself where it is so already.
---@return lunette.Tensor
function Tensor:contiguous() end

--- The same elements of a batch of images (n,c,h,w), dense with the channel innermost; x itself where it is so already.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.channels_last(x) end

--- The same elements of a batch of images (n,c,h,w), dense with the channel innermost; x itself where it is so already.
---@return lunette.Tensor
function Tensor:channels_last() end

--- A copy with memory of its own, laid out as x is.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.clone(x) end

--- A copy with memory of its own, laid out as x is.
---@return lunette.Tensor
function Tensor:clone() end

--- x converted to dtype (rounding to nearest even; to whole numbers: toward zero, saturating, NaN becomes 0).
---@param x lunette.Tensor|number
---@param dtype lunette.DType|table
---@return lunette.Tensor
function lunette.ops.cast(x, dtype) end

--- A tensor of x's shape, dtype and layout in which every element is value.
---@param x lunette.Tensor|number
---@param value number|table
---@return lunette.Tensor
function lunette.ops.full_like(x, value) end

--- Every element of x becomes value, in place.
---@param x lunette.Tensor|number
---@param value number|table
function lunette.ops.fill(x, value) end

--- The elements of from, converted to x's dtype, are copied into x, in place; shapes must agree.
---@param x lunette.Tensor|number
---@param from lunette.Tensor|number|table
function lunette.ops.assign(x, from) end

--- x's elements in row-major order under another shape; one size may be -1. A view where x is dense, else a copy.
---@param x lunette.Tensor
---@param shape integer[]|table
---@return lunette.Tensor
function lunette.ops.reshape(x, shape) end

--- x's elements in row-major order under another shape; one size may be -1. A view where x is dense, else a copy.
---@param shape integer[]|table
---@return lunette.Tensor
function Tensor:reshape(shape) end

--- A view of x with its axes in another order; axes holds each of 1..ndim once.
---@param x lunette.Tensor|number
---@param axes integer[]|table
---@return lunette.Tensor
function lunette.ops.permute(x, axes) end

--- A view of x with its axes in another order; axes holds each of 1..ndim once.
---@param axes integer[]|table
---@return lunette.Tensor
function Tensor:permute(axes) end

--- A view of positions start, start+step, ... up to stop (both ends included, counted from 1) of one axis.
---@param x lunette.Tensor|number
---@param axis integer|table
---@param start integer|table
---@param stop integer|table
---@param step? integer|table
---@return lunette.Tensor
function lunette.ops.narrow(x, axis, start, stop, step) end

--- A view of positions start, start+step, ... up to stop (both ends included, counted from 1) of one axis.
---@param axis integer|table
---@param start integer|table
---@param stop integer|table
---@param step? integer|table
---@return lunette.Tensor
function Tensor:narrow(axis, start, stop, step) end

--- A view of one position (counted from 1) of an axis, without that axis.
---@param x lunette.Tensor|number
---@param axis integer|table
---@param position integer|table
---@return lunette.Tensor
function lunette.ops.select(x, axis, position) end

--- A view of one position (counted from 1) of an axis, without that axis.
---@param axis integer|table
---@param position integer|table
---@return lunette.Tensor
function Tensor:select(axis, position) end

--- a and b joined along axis; the other axes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@param axis? integer|table
---@return lunette.Tensor
function lunette.ops.cat(a, b, axis) end

--- The negative of x.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.neg(x) end

--- The negative of x.
---@return lunette.Tensor
function Tensor:neg() end

--- The larger of x and 0, NaN where x is; the gradient at 0 is 0.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.relu(x) end

--- The larger of x and 0, NaN where x is; the gradient at 0 is 0.
---@return lunette.Tensor
function Tensor:relu() end

--- The exponential of x.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.exp(x) end

--- The exponential of x.
---@return lunette.Tensor
function Tensor:exp() end

--- The natural logarithm of x; NaN below 0, -inf at 0.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.log(x) end

--- The natural logarithm of x; NaN below 0, -inf at 0.
---@return lunette.Tensor
function Tensor:log() end

--- The square root of x; NaN below 0.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.sqrt(x) end

--- The square root of x; NaN below 0.
---@return lunette.Tensor
function Tensor:sqrt() end

--- The square of x.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.square(x) end

--- The square of x.
---@return lunette.Tensor
function Tensor:square() end

--- The absolute value of x; the gradient at 0 is 0.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.abs(x) end

--- The absolute value of x; the gradient at 0 is 0.
---@return lunette.Tensor
function Tensor:abs() end

--- The hyperbolic tangent of x.
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.tanh(x) end

--- The hyperbolic tangent of x.
---@return lunette.Tensor
function Tensor:tanh() end

--- The logistic function of x, 1 / (1 + exp(-x)).
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.sigmoid(x) end

--- The logistic function of x, 1 / (1 + exp(-x)).
---@return lunette.Tensor
function Tensor:sigmoid() end

--- The Gaussian error linear unit of x in its exact form, x times the normal distribution function (Hendrycks and Gimpel, 2016).
---@param x lunette.Tensor|number
---@return lunette.Tensor
function lunette.ops.gelu(x) end

--- The Gaussian error linear unit of x in its exact form, x times the normal distribution function (Hendrycks and Gimpel, 2016).
---@return lunette.Tensor
function Tensor:gelu() end

--- a + b, element by element. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.add(a, b) end

--- a - b, element by element. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.sub(a, b) end

--- a times b, element by element. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.mul(a, b) end

--- a / b, element by element. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.div(a, b) end

--- a to the power of b, element by element; NaN for a negative a and a fractional b. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.pow(a, b) end

--- The larger of a and b, element by element; where equal the gradient goes to b. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.maximum(a, b) end

--- The larger of a and b, element by element; where equal the gradient goes to b. Shapes broadcast; dtypes must agree.
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function Tensor:maximum(b) end

--- The smaller of a and b, element by element; where equal the gradient goes to b. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.minimum(a, b) end

--- The smaller of a and b, element by element; where equal the gradient goes to b. Shapes broadcast; dtypes must agree.
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function Tensor:minimum(b) end

--- Where a equals b. The result is bool. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.eq(a, b) end

--- Where a equals b. The result is bool. Shapes broadcast; dtypes must agree.
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function Tensor:eq(b) end

--- Where a is less than b. The result is bool. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.lt(a, b) end

--- Where a is less than b. The result is bool. Shapes broadcast; dtypes must agree.
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function Tensor:lt(b) end

--- Where a is at most b. The result is bool. Shapes broadcast; dtypes must agree.
---@param a lunette.Tensor|number
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function lunette.ops.le(a, b) end

--- Where a is at most b. The result is bool. Shapes broadcast; dtypes must agree.
---@param b lunette.Tensor|number|table
---@return lunette.Tensor
function Tensor:le(b) end

--- a where the bool mask is true, else b; all three have one shape.
---@param mask lunette.Tensor
---@param a lunette.Tensor|table
---@param b lunette.Tensor|table
---@return lunette.Tensor
function lunette.ops.where(mask, a, b) end

--- The sum of x over axes (counted from 1; all by default); keep leaves reduced axes with size 1. f32 and f64.
---@param x lunette.Tensor|number
---@param axes? integer[]|table
---@param keep? boolean|table
---@return lunette.Tensor
function lunette.ops.sum(x, axes, keep) end

--- The sum of x over axes (counted from 1; all by default); keep leaves reduced axes with size 1. f32 and f64.
---@param axes? integer[]|table
---@param keep? boolean|table
---@return lunette.Tensor
function Tensor:sum(axes, keep) end

--- The mean of x over axes (counted from 1; all by default); keep leaves reduced axes with size 1. f32 and f64; NaN over no element.
---@param x lunette.Tensor|number
---@param axes? integer[]|table
---@param keep? boolean|table
---@return lunette.Tensor
function lunette.ops.mean(x, axes, keep) end

--- The mean of x over axes (counted from 1; all by default); keep leaves reduced axes with size 1. f32 and f64; NaN over no element.
---@param axes? integer[]|table
---@param keep? boolean|table
---@return lunette.Tensor
function Tensor:mean(axes, keep) end

--- x summed over the axes along which a tensor of the given shape was broadcast to x's shape; the gradient of expand.
---@param x lunette.Tensor|number
---@param shape integer[]|table
---@return lunette.Tensor
function lunette.ops.sum_to(x, shape) end

--- A view of x stretched to shape: axes of size 1, and new axes in front, repeat without taking memory.
---@param x lunette.Tensor|number
---@param shape integer[]|table
---@return lunette.Tensor
function lunette.ops.expand(x, shape) end

--- A view of x stretched to shape: axes of size 1, and new axes in front, repeat without taking memory.
---@param shape integer[]|table
---@return lunette.Tensor
function Tensor:expand(shape) end

--- The largest element along axis, and its position there, counted from 1; the first of equals. A NaN counts as largest.
---@param x lunette.Tensor|number
---@param axis integer|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.max(x, axis) end

--- The largest element along axis, and its position there, counted from 1; the first of equals. A NaN counts as largest.
---@param axis integer|table
---@return lunette.Tensor
---@return lunette.Tensor
function Tensor:max(axis) end

--- The position of the largest element along axis, counted from 1; the first of equals. A NaN of x counts as largest.
---@param x lunette.Tensor|number
---@param axis? integer|table
---@return lunette.Tensor
function lunette.ops.argmax(x, axis) end

--- The position of the largest element along axis, counted from 1; the first of equals. A NaN of x counts as largest.
---@param axis? integer|table
---@return lunette.Tensor
function Tensor:argmax(axis) end

--- The slices of x at positions (i64, counted from 1) along axis, in that order.
---@param x lunette.Tensor
---@param axis integer|table
---@param positions lunette.Tensor|table
---@return lunette.Tensor
function lunette.ops.index_select(x, axis, positions) end

--- The slices of x at positions (i64, counted from 1) along axis, in that order.
---@param axis integer|table
---@param positions lunette.Tensor|table
---@return lunette.Tensor
function Tensor:index_select(axis, positions) end

--- Zeros with axis of the given size, to which dy's slices are added at positions; the gradient of index_select.
---@param dy lunette.Tensor
---@param axis integer|table
---@param positions lunette.Tensor|table
---@param size integer|table
---@return lunette.Tensor
function lunette.ops.index_add(dy, axis, positions, size) end

--- One random view of each image that ids names: random resized crop, colour jitter, gray, blur, solarize, flip.
--- images (N,3,h,w) is u8 (0..255) or f32 (0..1); ids (n) holds positions into it, from 1; y is (n,3,size,size), size = h by default, in [0, 1], normalised by norm (2,3): means, then standard deviations.
--- Every decision is a function of (seed, epoch, id, view) alone: batch order and threads change nothing.
--- Crop: area in [scale_min, scale_max], width/height in [ratio_min, ratio_max], bicubic with antialiasing (a = -0.5), clamped.
--- jitter, flip, gray, blur and solarize are probabilities; brightness, contrast and saturation are factors in [1 - v, 1 + v], hue is a shift in [-v, v] turns, in random order.
--- Blur: Gaussian, sigma in [sigma_min, sigma_max] pixels, radius ceil(3 sigma), edge pixels repeated.
--- Solarize inverts what is at or above threshold.
--- On a GPU an id that names no image is no error: its view is NaN.
---@param images lunette.Tensor
---@param ids lunette.Tensor|table
---@param norm? lunette.Tensor|table
---@param seed? integer|table
---@param epoch? integer|table
---@param view? integer|table
---@param size? integer|table
---@param scale_min? number|table
---@param scale_max? number|table
---@param ratio_min? number|table
---@param ratio_max? number|table
---@param flip? number|table
---@param jitter? number|table
---@param brightness? number|table
---@param contrast? number|table
---@param saturation? number|table
---@param hue? number|table
---@param gray? number|table
---@param blur? number|table
---@param sigma_min? number|table
---@param sigma_max? number|table
---@param solarize? number|table
---@param threshold? number|table
---@param dtype? lunette.DType|table
---@return lunette.Tensor
function lunette.ops.augment(images, ids, norm, seed, epoch, view, size, scale_min, scale_max, ratio_min, ratio_max, flip, jitter, brightness, contrast, saturation, hue, gray, blur, sigma_min, sigma_max, solarize, threshold, dtype) end

--- What augment decides for images of height x width: one row of 17 numbers per id.
--- Columns: 1-4 top, left (from 1), height, width of the crop; 5 flip; 6 jitter; 7-10 order of the jitter steps (1 brightness, 2 contrast, 3 saturation, 4 hue); 11-14 their factors; 15 gray; 16 sigma of the blur, 0 for none; 17 solarize.
---@param ids lunette.Tensor
---@param height integer|table
---@param width integer|table
---@param seed integer|table
---@param epoch integer|table
---@param view? integer|table
---@param scale_min? number|table
---@param scale_max? number|table
---@param ratio_min? number|table
---@param ratio_max? number|table
---@param flip? number|table
---@param jitter? number|table
---@param brightness? number|table
---@param contrast? number|table
---@param saturation? number|table
---@param hue? number|table
---@param gray? number|table
---@param blur? number|table
---@param sigma_min? number|table
---@param sigma_max? number|table
---@param solarize? number|table
---@param threshold? number|table
---@return lunette.Tensor
function lunette.ops.augment_draws(ids, height, width, seed, epoch, view, scale_min, scale_max, ratio_min, ratio_max, flip, jitter, brightness, contrast, saturation, hue, gray, blur, sigma_min, sigma_max, solarize, threshold) end

--- Images (n,c,h,w) as (n,c,height,width), antialiased, as f32; u8 pixels become x/255.
--- The filter widens when shrinking, weights sum to 1, pixel centres lie at half integers (Pillow's rule).
--- bicubic (a = -0.5) overshoots; clamp keeps the result in [0, 1].
---@param x lunette.Tensor
---@param height integer|table
---@param width integer|table
---@param filter? "bicubic"|"bilinear"|table
---@param clamp? boolean|table
---@return lunette.Tensor
function lunette.ops.resize(x, height, width, filter, clamp) end

--- A box of each image, resized as resize does (filter, clamp); pixels outside the box have no part.
--- boxes (n,4) i64: top, left (counted from 1), height, width. On a GPU a box that leaves its image makes NaN.
---@param x lunette.Tensor
---@param boxes lunette.Tensor|table
---@param height integer|table
---@param width integer|table
---@param filter? "bicubic"|"bilinear"|table
---@param clamp? boolean|table
---@return lunette.Tensor
function lunette.ops.crop_resize(x, boxes, height, width, filter, clamp) end

--- Colour jitter with given factors on RGB images in [0, 1]; each step clamps to [0, 1].
--- order names the steps: 1 brightness f x, 2 contrast f x + (1 - f) mean of gray, 3 saturation f x + (1 - f) gray, 4 hue shifted by f turns; factors (n,4) f32 holds f of each.
--- Gray is 0.2989 R + 0.587 G + 0.114 B (torchvision).
---@param x lunette.Tensor
---@param factors lunette.Tensor|table
---@param order integer[]|table
---@return lunette.Tensor
function lunette.ops.adjust_color(x, factors, order) end

--- RGB images with each pixel's three channels replaced by 0.2989 R + 0.587 G + 0.114 B.
---@param x lunette.Tensor
---@return lunette.Tensor
function lunette.ops.to_gray(x) end

--- Images mirrored left to right.
---@param x lunette.Tensor
---@return lunette.Tensor
function lunette.ops.hflip(x) end

--- Images in [0, 1] with every value at or above threshold replaced by 1 - value.
---@param x lunette.Tensor
---@param threshold? number|table
---@return lunette.Tensor
function lunette.ops.solarize(x, threshold) end

--- Gaussian blur with 2 radius + 1 taps at whole pixels that sum to 1; radius 0 means ceil(3 sigma).
--- border: outside the image the edge pixel repeated, or reflection without repeating the edge pixel.
---@param x lunette.Tensor
---@param sigma number|table
---@param radius? integer|table
---@param border? "replicate"|"reflect"|table
---@return lunette.Tensor
function lunette.ops.gaussian_blur(x, sigma, radius, border) end

--- Stored pixels as network input: u8 becomes x/255, then (x - mean) / standard deviation per channel.
--- norm (2,c) f32: means, then standard deviations; without it the result stays in [0, 1].
---@param x lunette.Tensor
---@param norm? lunette.Tensor|table
---@param dtype? lunette.DType|table
---@return lunette.Tensor
function lunette.ops.normalize_images(x, norm, dtype) end

--- Normalised exponentials along the last axis of x; rows sum to 1. f32 and f64.
---@param x lunette.Tensor
---@return lunette.Tensor
function lunette.ops.softmax(x) end

--- Normalised exponentials along the last axis of x; rows sum to 1. f32 and f64.
---@return lunette.Tensor
function Tensor:softmax() end

--- The logarithm of softmax along the last axis of x, computed without overflow. f32 and f64.
---@param x lunette.Tensor
---@return lunette.Tensor
function lunette.ops.log_softmax(x) end

--- The logarithm of softmax along the last axis of x, computed without overflow. f32 and f64.
---@return lunette.Tensor
function Tensor:log_softmax() end

--- The mean over rows of -log softmax(logits)[label]; logits (n,k), labels (n) i64 counted from 1.
--- Second output: log-sum-exp of each row, which the gradient reads; it carries no gradient.
---@param logits lunette.Tensor
---@param labels lunette.Tensor|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.cross_entropy(logits, labels) end

--- Each row of x (n,d) divided by its Euclidean length, which counts as at least floor.
--- Second output: the lengths (n), which the gradient reads; it carries no gradient.
---@param x lunette.Tensor
---@param floor? number|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.normalize(x, floor) end

--- Each row of x (n,d) divided by its Euclidean length, which counts as at least floor.
--- Second output: the lengths (n), which the gradient reads; it carries no gradient.
---@param floor? number|table
---@return lunette.Tensor
---@return lunette.Tensor
function Tensor:normalize(floor) end

--- SimCLR's NT-Xent loss of two views z1, z2 (n,d): mean over the 2n samples of -log softmax of the positive pair's
--- cosine similarity / temperature among the other 2n-1 (Chen et al. 2020, equation 1). Inputs are L2-normalised here.
--- Outputs after the loss serve the gradient: unit rows z (2n,d), their norm and log-sum-exp lse (2n).
---@param z1 lunette.Tensor
---@param z2 lunette.Tensor|table
---@param temperature? number|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.simclr(z1, z2, temperature) end

--- BYOL's loss of predictions p (n,d) and targets z (n,d): mean of 2 - 2 cos(p, z), the squared distance of the unit rows
--- (Grill et al. 2020, arXiv 2006.07733, equation 2). solo-learn and the paper sum both directions; others scale the sum by 1/2 or 1/4.
--- Rows are L2-normalised here; nothing flows to z (stop-gradient). One direction: a method adds the other one.
--- Outputs after the loss serve the gradient: cosines and both lengths (n).
---@param p lunette.Tensor
---@param z lunette.Tensor|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.byol(p, z) end

--- SimSiam's loss of predictions p (n,d) and targets z (n,d): mean of -cos(p, z)
--- (Chen and He 2021, arXiv 2011.10566, equation 1). The paper takes half the sum of both directions.
--- Rows are L2-normalised here; nothing flows to z (stop-gradient). One direction: a method adds the other one.
--- Outputs after the loss serve the gradient: cosines and both lengths (n).
---@param p lunette.Tensor
---@param z lunette.Tensor|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.simsiam(p, z) end

--- MoCo's InfoNCE loss of queries q (n,d) and their keys k (n,d) against a queue of older keys (K,d): mean of -log softmax
--- of the positive's cosine / temperature among it and the queue (He et al. 2020, arXiv 1911.05722, equation 1).
--- q and k are L2-normalised here, rows of queue are unit already; nothing flows to k and queue. One direction, as in
--- the authors' code; solo-learn's v2+ takes the mean of both. The second output is the gradient to q for a loss gradient of 1.
---@param q lunette.Tensor
---@param k lunette.Tensor|table
---@param queue lunette.Tensor|table
---@param temperature? number|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.moco(q, k, queue, temperature) end

--- MoCo v3's loss of predictions q (n,d) and keys k (n,d): 2 temperature times the mean of -log softmax of q_i k_i / temperature
--- among all keys of the batch (Chen, Xie and He 2021, arXiv 2104.02057, equation 1 and algorithm 1). Rows are L2-normalised
--- here; nothing flows to k. One direction; the paper, its code and solo-learn sum both.
--- The second output is the gradient to q for a loss gradient of 1.
---@param q lunette.Tensor
---@param k lunette.Tensor|table
---@param temperature? number|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.mocov3(q, k, temperature) end

--- SwAV's assignments targets (n,K) of n samples to K prototypes from their scores (n,K): exp(scores / epsilon) scaled in turn
--- so that every prototype gets the same share and every sample sums to 1, iterations times; samples last (Caron et al. 2020,
--- equation 3 and appendix A). Past batches of a queue are further rows of scores: keep the batch's rows of targets.
--- The authors' form with VISSL's subtracted maxima, which change nothing but prevent overflow; lightly's omitted 1/K cancels.
--- A prototype without any weight gives no NaN. No gradient, as in the paper.
---@param scores lunette.Tensor
---@param epsilon? number|table
---@param iterations? integer|table
---@return lunette.Tensor
function lunette.ops.sinkhorn(scores, epsilon, iterations) end

--- SwAV's loss of one view's scores (n,K) and the other view's targets (n,K): mean over samples of -sum targets log
--- softmax(scores / temperature) (Caron et al. 2020, equation 2). Scores are products of L2-normalised features and prototypes.
--- One ordered pair of views: a method takes the mean over pairs, as the authors' code does. Nothing flows to targets.
---@param scores lunette.Tensor
---@param targets lunette.Tensor|table
---@param temperature? number|table
---@return lunette.Tensor
function lunette.ops.swav(scores, targets, temperature) end

--- DINO's loss of one pair of views: mean over n samples of the cross entropy of softmax(student / student_temp) with
--- softmax((teacher - center) / teacher_temp); student and teacher are raw logits (n,K), center (K) (Caron et al. 2021,
--- equation 2 and algorithm 1). Nothing flows to teacher and center. A method takes the mean over pairs of different views and
--- then moves the center: center = 0.9 center + 0.1 the batch's mean of teacher, as in the authors' code.
---@param student lunette.Tensor
---@param teacher lunette.Tensor|table
---@param center lunette.Tensor|table
---@param student_temp? number|table
---@param teacher_temp? number|table
---@return lunette.Tensor
function lunette.ops.dino(student, teacher, center, student_temp, teacher_temp) end

--- VICReg's loss of two views z1, z2 (n,d), n at least 2: invariance times the mean squared difference, plus variance / 2
--- times the sum over views of mean_j max(0, 1 - std_j), plus covariance times that of the squared off-diagonal covariances / d
--- (Bardes et al. 2022, equations 1 to 6); std = sqrt(var + 1e-4), variances with n - 1. Views are not normalised.
--- The form of the authors' code and lightly; solo-learn does not halve the variance term: variance = 50 gives its loss.
--- Outputs after the loss are its gradients to z1 and z2.
---@param z1 lunette.Tensor
---@param z2 lunette.Tensor|table
---@param invariance? number|table
---@param variance? number|table
---@param covariance? number|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.vicreg(z1, z2, invariance, variance, covariance) end

--- The Barlow Twins loss of two views z1, z2 (n,d), n at least 2: scale (sum_j (c_jj - 1)^2 + lambda times the sum of the other
--- c_jk^2), where c (d,d) = z1^T z2 / n of the views normalised by column with their biased variance + 1e-5, a batch norm
--- without affine part (Zbontar et al. 2021, equations 1 and 2). lambda and scale 1 as in the authors' code; solo-learn and
--- VISSL scale by 0.024, solo-learn's recipes by 0.1, lightly's lambda is 0.005.
--- Outputs after the loss are its gradients to z1 and z2.
---@param z1 lunette.Tensor
---@param z2 lunette.Tensor|table
---@param lambda? number|table
---@param scale? number|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.barlow(z1, z2, lambda, scale) end

--- Writes rows (n,d) over the rows of queue (K,d) from position at (1..K) on, in place, going on at 1 behind K: a ring buffer.
--- n is at most K and need not divide it; the next batch goes to (at - 1 + n) % K + 1. Floating dtypes, both alike.
--- The dictionary of MoCo (He et al. 2020, section 3.1) and the queue of SwAV (Caron et al. 2020, section 4).
---@param queue lunette.Tensor
---@param rows lunette.Tensor|table
---@param at integer|table
function lunette.ops.enqueue(queue, rows, at) end

--- One step of SGD with momentum: d = grad + weight_decay param; buffer = momentum buffer + d; param -= lr buffer
--- (or lr (d + momentum buffer) where nesterov). params, grads and buffers (zeros at first) pair up; f32 or f64.
---@param params lunette.Tensor[]
---@param grads lunette.Tensor[]|table
---@param buffers lunette.Tensor[]|table
---@param lr number|table
---@param momentum? number|table
---@param weight_decay? number|table
---@param nesterov? boolean|table
function lunette.ops.sgd_step(params, grads, buffers, lr, momentum, weight_decay, nesterov) end

--- One step of LARS (You et al. 2017): SGD in which each tensor's d = grad + weight_decay param is scaled by q.
--- trust "sum": q = eta |param| / (|grad| + weight_decay |param| + 1e-8), and neither q nor decay where a norm is 0;
--- "update": q = eta |param| / |grad + weight_decay param|, 1 where a norm is 0 (Barlow Twins, MoCo v3).
--- clip: q = min(q / lr, 1). exclude_1d: biases and norms get neither q nor weight decay. The defaults are solo-learn's.
--- decayed_only: q = 1 where weight_decay is 0 (lightly). LARC as SwAV uses it: clip and exclude_1d off, eta 0.001.
--- params, grads and buffers (zeros at first) pair up; momentum, nesterov and lr as in sgd_step; f32 or f64.
---@param params lunette.Tensor[]
---@param grads lunette.Tensor[]|table
---@param buffers lunette.Tensor[]|table
---@param lr number|table
---@param momentum? number|table
---@param weight_decay? number|table
---@param eta? number|table
---@param clip? boolean|table
---@param exclude_1d? boolean|table
---@param nesterov? boolean|table
---@param trust? "sum"|"update"|table
---@param decayed_only? boolean|table
function lunette.ops.lars_step(params, grads, buffers, lr, momentum, weight_decay, eta, clip, exclude_1d, nesterov, trust, decayed_only) end

--- One step of AdamW (Loshchilov and Hutter 2019): moments first and second (zeros at first) with decay beta1 and beta2,
--- bias-corrected for step (counted from 1), eps in the denominator, weight_decay decoupled, all times lr. params, grads pair up; f32 or f64.
---@param params lunette.Tensor[]
---@param grads lunette.Tensor[]|table
---@param first lunette.Tensor[]|table
---@param second lunette.Tensor[]|table
---@param lr number|table
---@param step integer|table
---@param beta1? number|table
---@param beta2? number|table
---@param eps? number|table
---@param weight_decay? number|table
function lunette.ops.adamw_step(params, grads, first, second, lr, step, beta1, beta2, eps, weight_decay) end

--- Exponential moving average of tensors, in place: target = momentum target + (1 - momentum) source.
--- targets (a momentum encoder's parameters) and sources (the trained ones) pair up; f32 or f64. momentum lies in [0, 1];
--- at 0 targets become copies. MoCo (He et al. 2020, equation 2), BYOL (Grill et al. 2020, equation 1), DINO.
---@param targets lunette.Tensor[]
---@param sources lunette.Tensor[]|table
---@param momentum number|table
function lunette.ops.ema_update(targets, sources, momentum) end

--- Gradients scaled in place by min(1, max_norm / (norm + 1e-6)), norm the Euclidean length of all of them together.
--- each: every tensor by its own length instead (DINO's official code). Output: the length of all before scaling, an f64 scalar.
--- A length that is NaN or infinite leaves the gradients as they are. grads are f32 or f64 (Pascanu et al. 2013, section 3.2).
---@param grads lunette.Tensor[]
---@param max_norm number|table
---@param each? boolean|table
---@return lunette.Tensor
function lunette.ops.clip_grad_norm(grads, max_norm, each) end

--- Normal draws with mean and std: element i is a function of seed, stream (a name) and i alone. shape, dtype f32 or f64.
---@param shape integer[]
---@param seed? integer|table
---@param stream? string|table
---@param mean? number|table
---@param std? number|table
---@param dtype? lunette.DType|table
---@return lunette.Tensor
function lunette.ops.random_normal(shape, seed, stream, mean, std, dtype) end

--- Uniform draws in [low, high): element i is a function of seed, stream (a name) and i alone. shape, dtype f32 or f64.
---@param shape integer[]
---@param seed? integer|table
---@param stream? string|table
---@param low? number|table
---@param high? number|table
---@param dtype? lunette.DType|table
---@return lunette.Tensor
function lunette.ops.random_uniform(shape, seed, stream, low, high, dtype) end

--- The numbers 1..n in an order drawn from seed, stream (a name) and epoch.
---@param n integer
---@param seed? integer|table
---@param stream? string|table
---@param epoch? integer|table
---@return lunette.Tensor
function lunette.ops.permutation(n, seed, stream, epoch) end

--- Scenes start .. start+n-1 of a data set that is drawn, not read: an object of the class on a background.
--- images (n,3,size,size) u8; labels (n) i64, 1..classes in turn; core and spurious (n,size,size) u8, 1 where the pixel is the object, or bare background; grounds (n) i64, the kind of background, 1..classes.
--- Background kind k belongs to class k with probability correlation, else any kind is drawn.
--- clutter: small distracting objects; rotation: of the object, at most so many degrees; noise: uniform, amplitude per channel in [0, 1].
--- Every scene is a function of (seed, split, its number): parts made apart are the same.
---@param n integer
---@param size? integer|table
---@param classes? integer|table
---@param correlation? number|table
---@param seed? integer|table
---@param split? "train"|"test"|"heldout"|table
---@param start? integer|table
---@param clutter? integer|table
---@param rotation? number|table
---@param noise? number|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.shapes(n, size, classes, correlation, seed, split, start, clutter, rotation, noise) end

--- Matrix product y (m,n) = a (m,k) b (k,n), also over a batch: (batch,m,k) (batch,k,n).
--- ta, tb: take a, b transposed (their last two axes exchanged). f32 or f64, both alike.
---@param a lunette.Tensor
---@param b lunette.Tensor|table
---@param ta? boolean|table
---@param tb? boolean|table
---@return lunette.Tensor
function lunette.ops.matmul(a, b, ta, tb) end

--- Matrix product y (m,n) = a (m,k) b (k,n), also over a batch: (batch,m,k) (batch,k,n).
--- ta, tb: take a, b transposed (their last two axes exchanged). f32 or f64, both alike.
---@param b lunette.Tensor|table
---@param ta? boolean|table
---@param tb? boolean|table
---@return lunette.Tensor
function Tensor:matmul(b, ta, tb) end

--- Fully connected layer y (...,out) = x (...,k) weight^T + bias, weight (out,k), bias (out).
--- x is f32, bf16 or f64 and y like it; weight and bias are f32, f64 beside f64.
---@param x lunette.Tensor
---@param weight lunette.Tensor|table
---@param bias? lunette.Tensor|table
---@return lunette.Tensor
function lunette.ops.linear(x, weight, bias) end

--- Gradient of linear to x: dx (...,k) = dy (...,out) weight (out,k), in dy's dtype.
---@param dy lunette.Tensor
---@param weight lunette.Tensor|table
---@return lunette.Tensor
function lunette.ops.linear_dx(dy, weight) end

--- Gradient of linear to weight: dw (out,k) = dy^T x, summed over all leading axes, in weight's dtype.
---@param x lunette.Tensor
---@param dy lunette.Tensor|table
---@return lunette.Tensor
function lunette.ops.linear_dw(x, dy) end

--- Sum over all axes but the last, in the dtype of weights beside x (f32, f64 beside f64): the gradient of a linear layer's bias.
---@param x lunette.Tensor
---@return lunette.Tensor
function lunette.ops.column_sum(x) end

--- Sum of each channel over samples and pixels, in the dtype of weights beside x: the gradient of a convolution's bias.
---@param x lunette.Tensor
---@return lunette.Tensor
function lunette.ops.channel_sum(x) end

--- 2-D cross-correlation of a batch of images x (n,in,h,w) with weight (out,in,kh,kw), plus bias (out).
--- y is (n,out,oh,ow) with oh = floor((h + 2 padding - kh) / stride) + 1, ow alike; the border is zeros.
--- x is f32, bf16 or f64 and y like it; weight and bias are f32, f64 beside f64.
---@param x lunette.Tensor
---@param weight lunette.Tensor|table
---@param bias? lunette.Tensor|table
---@param stride? integer|table
---@param padding? integer|table
---@return lunette.Tensor
function lunette.ops.conv2d(x, weight, bias, stride, padding) end

--- Gradient of conv2d to x, an image of height x width pixels; also the transposed convolution.
--- dy (n,out,oh,ow), weight (out,in,kh,kw) -> dx (n,in,height,width) in dy's dtype.
---@param dy lunette.Tensor
---@param weight lunette.Tensor|table
---@param height integer|table
---@param width integer|table
---@param stride? integer|table
---@param padding? integer|table
---@return lunette.Tensor
function lunette.ops.conv2d_dx(dy, weight, height, width, stride, padding) end

--- Gradient of conv2d to weight: x (n,in,h,w), dy (n,out,oh,ow) -> dw (out,in,kernel_h,kernel_w), f32 or, beside f64, f64.
---@param x lunette.Tensor
---@param dy lunette.Tensor|table
---@param kernel_h integer|table
---@param kernel_w integer|table
---@param stride? integer|table
---@param padding? integer|table
---@return lunette.Tensor
function lunette.ops.conv2d_dw(x, dy, kernel_h, kernel_w, stride, padding) end

--- Batch normalisation y = (x - mean) rstd gamma + beta of every channel.
--- x (n,c,h,w) f32, bf16 or f64 and y like it; features (n,c) are images of 1 x 1. gamma, beta, running_mean and running_var (c) are f32, f64 beside f64; gamma and beta are 1 and 0 where left out.
--- training: statistics of the batch (biased variance); the running ones move by momentum towards them (unbiased variance). Otherwise the running ones, constants in the gradient.
--- mean (c) and rstd (c) = 1/sqrt(variance + eps) are those used.
---@param x lunette.Tensor
---@param gamma? lunette.Tensor|table
---@param beta? lunette.Tensor|table
---@param running_mean? lunette.Tensor|table
---@param running_var? lunette.Tensor|table
---@param training? boolean|table
---@param momentum? number|table
---@param eps? number|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.batch_norm(x, gamma, beta, running_mean, running_var, training, momentum, eps) end

--- batch_norm followed by ReLU, in one pass; on the CPU y is not kept for the gradient but made again from x.
--- x (n,c,h,w) f32, bf16 or f64 and y like it; features (n,c) are images of 1 x 1. gamma, beta, running_mean and running_var (c) are f32, f64 beside f64; gamma and beta are 1 and 0 where left out.
--- training: statistics of the batch (biased variance); the running ones move by momentum towards them (unbiased variance). Otherwise the running ones, constants in the gradient.
--- mean (c) and rstd (c) = 1/sqrt(variance + eps) are those used.
---@param x lunette.Tensor
---@param gamma? lunette.Tensor|table
---@param beta? lunette.Tensor|table
---@param running_mean? lunette.Tensor|table
---@param running_var? lunette.Tensor|table
---@param training? boolean|table
---@param momentum? number|table
---@param eps? number|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.batch_norm_relu(x, gamma, beta, running_mean, running_var, training, momentum, eps) end

--- ReLU(batch_norm(x) + residual), the end of a residual block, in one pass; residual has x's shape and dtype.
--- x (n,c,h,w) f32, bf16 or f64 and y like it; features (n,c) are images of 1 x 1. gamma, beta, running_mean and running_var (c) are f32, f64 beside f64; gamma and beta are 1 and 0 where left out.
--- training: statistics of the batch (biased variance); the running ones move by momentum towards them (unbiased variance). Otherwise the running ones, constants in the gradient.
--- mean (c) and rstd (c) = 1/sqrt(variance + eps) are those used.
---@param x lunette.Tensor
---@param residual lunette.Tensor|table
---@param gamma? lunette.Tensor|table
---@param beta? lunette.Tensor|table
---@param running_mean? lunette.Tensor|table
---@param running_var? lunette.Tensor|table
---@param training? boolean|table
---@param momentum? number|table
---@param eps? number|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.batch_norm_add_relu(x, residual, gamma, beta, running_mean, running_var, training, momentum, eps) end

--- ReLU((x - mean) rstd gamma + beta) with given statistics (c): makes batch_norm_relu's output again.
---@param x lunette.Tensor
---@param mean lunette.Tensor|table
---@param rstd lunette.Tensor|table
---@param gamma? lunette.Tensor|table
---@param beta? lunette.Tensor|table
---@return lunette.Tensor
function lunette.ops.normalize_relu(x, mean, rstd, gamma, beta) end

--- Layer normalisation y = (x - mean) rstd gamma + beta over the last axis (Ba et al. 2016).
--- x (...,d) f32, bf16 or f64 and y like it; gamma and beta (d) are f32, f64 beside f64. rstd = 1/sqrt(biased variance + eps).
--- mean and rstd (...) are those used, which the gradient reads; they carry none.
---@param x lunette.Tensor
---@param gamma lunette.Tensor|table
---@param beta lunette.Tensor|table
---@param eps? number|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.layer_norm(x, gamma, beta, eps) end

--- Multi-head self-attention y (batch,tokens,d) = softmax(q k^T / sqrt(d / heads)) v of every head (Vaswani et al. 2017).
--- qkv (batch,tokens,3 d) holds q, k and v after each other, each of them the heads after each other; f32, bf16 or f64, computed in f32 or f64.
--- lse (batch,heads,tokens): log of the sum of each row's exponentials, which the gradient reads; it carries none.
---@param qkv lunette.Tensor
---@param heads integer|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.attention(qkv, heads) end

--- Maximum over square windows of x (n,c,h,w), f32, bf16 or f64, per channel.
--- kernel 1..15; stride 0 means kernel; padding at most half the kernel, and never chosen as the maximum.
--- place (u8, like y) is the winner's position in its window, row by row from 1, the first among equals.
---@param x lunette.Tensor
---@param kernel integer|table
---@param stride? integer|table
---@param padding? integer|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.max_pool2d(x, kernel, stride, padding) end

--- Mean over square windows of x (n,c,h,w), f32, bf16 or f64, per channel; padding counts as zeros.
--- kernel 1..15; stride 0 means kernel; padding at most half the kernel.
---@param x lunette.Tensor
---@param kernel integer|table
---@param stride? integer|table
---@param padding? integer|table
---@return lunette.Tensor
function lunette.ops.avg_pool2d(x, kernel, stride, padding) end

--- Mean over all pixels: x (n,c,h,w), f32, bf16 or f64 -> y (n,c) in x's dtype, summed in f32 (f64).
---@param x lunette.Tensor
---@return lunette.Tensor
function lunette.ops.global_avg_pool(x) end

--- Q-Score of each row of h (n,r), and the size of the set it is a mean over.
--- A feature is highly active in a row above its mean + epsilon standard deviations (ddof 1).
--- form v6: mean of h - mean over the highly active features among `features` (positions from 1; left out: all).
--- v3: the same over all features, whatever `features` holds.
--- v1: (max - mean) / deviation / L1 norm of the L2-normalised row; epsilon and features have no part in it.
--- q is 0 and count 0 where the set is empty or, for v1, the row constant.
--- The gradient takes the sets as constants. On a GPU a position that h lacks makes every q NaN.
--- Source: arXiv 2203.01881.
---@param h lunette.Tensor
---@param epsilon? number|table
---@param features? lunette.Tensor|table
---@param form? "v6"|"v3"|"v1"|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.qscore(h, epsilon, features, form) end

--- share (r): part of the rows of h (n,r) in which a feature is highly active.
--- count (n): how many features are highly active in a row.
--- Highly active: above the row's mean + epsilon standard deviations (ddof 1).
---@param h lunette.Tensor
---@param epsilon? number|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.qscore_activation(h, epsilon) end

--- Q-Score (form v6 over `features`, left out: all), size of its set, mean and standard deviation (ddof 1) of each row of h (n,r), and the activation share of each feature, in one read of h.
---@param h lunette.Tensor
---@param epsilon? number|table
---@param features? lunette.Tensor|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.qscore_summary(h, epsilon, features) end

--- The Q-Score regularizer of a batch h (n,r), to be added to a loss.
--- loss = - low_weight mean_i [q_i < alpha] q_i + over_weight mean_j [norm_j > beta] norm_j, where q and count are those of the op qscore over `features` (left out: all), norm (r) holds the L1 norms of h's columns, alpha and beta are the means of q and norm.
--- In the gradient alpha, beta and every index set are constants.
--- Source: arXiv 2203.01881.
---@param h lunette.Tensor
---@param low_weight? number|table
---@param over_weight? number|table
---@param epsilon? number|table
---@param features? lunette.Tensor|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.qscore_regularizer(h, low_weight, over_weight, epsilon, features) end

--- Average precision of scores (n) for the labels positive (n; bool or u8), as f64: the sum over distinct scores, from the highest, of the gain in recall times the precision.
--- NaN where there is no positive. The same as scikit-learn's average_precision_score.
---@param scores lunette.Tensor
---@param positive lunette.Tensor|table
---@return lunette.Tensor
function lunette.ops.average_precision(scores, positive) end

--- Area under the ROC curve of scores (n) for the labels positive (n; bool or u8), as f64: the share of pairs in which the positive has the higher score, a tie counting one half.
--- NaN where there is no positive or no negative.
---@param scores lunette.Tensor
---@param positive lunette.Tensor|table
---@return lunette.Tensor
function lunette.ops.auroc(scores, positive) end

--- Distinct scores (n) from the highest down, and how many positive (tp) and how many negative samples (fp) score at least that much.
--- Only the first `steps` elements of the three outputs (n, f64) hold; the rest are 0.
---@param scores lunette.Tensor
---@param positive lunette.Tensor|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.ranking_curve(scores, positive) end

--- The metric on `draws` resamples with replacement of the n pairs of scores and labels positive (bool or u8), as f64 (draws).
--- Resample d of seed s always takes the same positions, so two rankings of the same samples are resampled in pairs; bootstrap_mean and bootstrap_positions take the same ones. NaN where a resample lacks a class.
---@param scores lunette.Tensor
---@param positive lunette.Tensor|table
---@param metric? "auroc"|"auprc"|table
---@param draws? integer|table
---@param seed? integer|table
---@return lunette.Tensor
function lunette.ops.bootstrap_ranking(scores, positive, metric, draws, seed) end

--- Means of `draws` resamples with replacement of values (n), as f64 (draws).
---@param values lunette.Tensor
---@param draws? integer|table
---@param seed? integer|table
---@return lunette.Tensor
function lunette.ops.bootstrap_mean(values, draws, seed) end

--- The n positions (from 1) of resample number `draw` (from 1) of n samples, drawn with replacement.
---@param n integer
---@param draw? integer|table
---@param seed? integer|table
---@return lunette.Tensor
function lunette.ops.bootstrap_positions(n, draw, seed) end

--- Eigenvalues, ascending, of the symmetric matrix a (n,n; f64). Of each pair a_ij, a_ji one may be read.
---@param a lunette.Tensor
---@return lunette.Tensor
function lunette.ops.symmetric_eigenvalues(a) end

--- The k largest elements of each row of x (n,m), largest first, and their positions (n,k).
--- Of equal elements the earlier comes first; NaN is the smallest.
---@param x lunette.Tensor
---@param k integer|table
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.topk(x, k) end

--- Votes (n,classes; f64) of the k neighbours of each of n queries: each gives exp(similarity / temperature) to the class of its label.
--- similarity and nearest (n,k) as topk returns them; labels (m) in 1..classes. Source: Wu et al. 2018, section 3.4.
---@param similarity lunette.Tensor
---@param nearest lunette.Tensor|table
---@param labels lunette.Tensor|table
---@param classes integer|table
---@param temperature? number|table
---@return lunette.Tensor
function lunette.ops.knn_vote(similarity, nearest, labels, classes, temperature) end

--- Softmax regression of labels y (n; 1..classes) on rows of x (n,d), by L-BFGS from zero: weight (classes,d) and bias (classes; mean 0) that minimise mean cross-entropy + l2/2 |weight|^2.
--- Stops where no element of the gradient exceeds tol, or after max_iter iterations. l2 = 1/(C n) is scikit-learn's C.
--- figures (6): objective, cross-entropy, iterations, largest element of the gradient, 1 if that is at most tol else 0, evaluations. Sums in f64; the same for any number of threads.
---@param x lunette.Tensor
---@param y lunette.Tensor|table
---@param classes integer|table
---@param l2? number|table
---@param max_iter? integer|table
---@param tol? number|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.logistic_regression(x, y, classes, l2, max_iter, tol) end

--- Softmax regression of labels y (n; 1..classes) on rows of x (n,d), by SGD with momentum from zero; the learning rate lr falls to a tenth after 60 % and again after 80 % of the epochs.
--- The order of samples depends on seed and epoch alone; the last batch of an epoch may be smaller.
--- l2: weight of the penalty l2/2 |weight|^2.
--- weight (classes,d), bias (classes; mean 0), figures (2): mean cross-entropy of the last epoch, steps.
---@param x lunette.Tensor
---@param y lunette.Tensor|table
---@param classes integer|table
---@param l2? number|table
---@param epochs? integer|table
---@param batch? integer|table
---@param lr? number|table
---@param momentum? number|table
---@param seed? integer|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.logistic_sgd(x, y, classes, l2, epochs, batch, lr, momentum, seed) end

--- Grad-CAM maps (n,h,w) from an activation (n,c,h,w) and the gradient of what is explained with respect to it: the channels' sum, each weighted by its gradient's mean over pixels; negative values become 0 unless relu is false. Source: Selvaraju et al. 2017, eq. 1-2.
---@param activation lunette.Tensor
---@param gradient lunette.Tensor|table
---@param relu? boolean|table
---@return lunette.Tensor
function lunette.ops.gradcam(activation, gradient, relu) end

--- The largest magnitude over the channels of x (n,c,h,w) at each pixel (n,h,w): the map of an input gradient. Source: Simonyan et al. 2014, section 3.1.
---@param x lunette.Tensor
---@return lunette.Tensor
function lunette.ops.channel_magnitude(x) end

--- Maps (n,h,w) against masks (n,h,w; bool or u8), as f64.
--- iou (n,t): intersection over union of the mask with the pixels at or above each of thresholds, given as shares of the map's maximum (t; f64 in 0..1). pointing (n): 1 where the map's first maximum lies in the mask, else 0. energy (n): the part of the map's sum that lies in the mask, negative values counted as 0.
--- A map without a positive value selects no pixel and scores 0 throughout; so does an empty union.
---@param map lunette.Tensor
---@param mask lunette.Tensor|table
---@param thresholds lunette.Tensor|table
---@return lunette.Tensor
---@return lunette.Tensor
---@return lunette.Tensor
function lunette.ops.map_scores(map, mask, thresholds) end

--- Pictures (n,3,h,w; u8) of images x (n,1 or 3,h,w; u8, or f32 in 0..1) under a map each (n,h,w; f32, clipped to 0..1), which are coloured from dark blue over red to pale yellow and have opacity alpha.
---@param x lunette.Tensor
---@param map lunette.Tensor|table
---@param alpha? number|table
---@return lunette.Tensor
function lunette.ops.overlay(x, map, alpha) end

--- One picture (1,3,H,W; u8) of the n pictures x (n,3,h,w; u8) in rows of `columns`, on white.
--- pad: pixels between pictures and around them. top: further pixels above each, for a caption.
--- Picture i (from 0) has its upper left corner at row pad + top + (i / columns) (h + pad + top), column pad + (i % columns) (w + pad), both from 0.
---@param x lunette.Tensor
---@param columns integer|table
---@param pad? integer|table
---@param top? integer|table
---@return lunette.Tensor
function lunette.ops.montage(x, columns, pad, top) end

--- Writes one line of text into the pictures x (n,c,h,w; u8), in place, its upper left corner at column left and row top; what lies outside is cut off.
--- Characters are capitals, digits and signs of 5 x 7 pixels times scale, one pixel apart; lower case is drawn as capitals. shade: 0 black to 255 white. width: pixels from left to the end of the text.
---@param x lunette.Tensor
---@param text string|table
---@param left? integer|table
---@param top? integer|table
---@param scale? integer|table
---@param shade? integer|table
---@return lunette.Tensor
function lunette.ops.draw_text(x, text, left, top, scale, shade) end

--- make the correlation of two views' embeddings the identity
---@class lunette.Stage.barlow
---@field task? "barlow"
---@field augment? string|table how the views of an image are made: a preset's name, a table (with or without preset), or one per view
---@field batch integer images per step
---@field data string the images to learn from, as "name:split"
---@field epochs integer passes over the data
---@field from? string the stage whose weights to start from
---@field lambda? number weight of the entries off the diagonal
---@field like? string the stage whose settings to copy
---@field loader_threads? integer background threads that make views; changes no number
---@field monitor? lunette.Stage.barlow.monitor|number|false figures and warnings while it trains; a number is that of the images, false switches all of it off
---@field name string name of the stage
---@field optim lunette.Stage.barlow.optim.adamw|lunette.Stage.barlow.optim.lars|lunette.Stage.barlow.optim.sgd the optimizer
---@field projector? (integer)[] widths of the projector's layers, the last one its output
---@field regularize? lunette.Stage.barlow.regularize.qscore|false a term added to the loss; false switches off what `like` copied
---@field save? lunette.Stage.barlow.save checkpoints during the stage
---@field scale? number factor of the whole loss
---@field schedule? lunette.Stage.barlow.schedule.constant|lunette.Stage.barlow.schedule.cosine the learning rate over time
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field size? integer height and width of the views in pixels; without it, the images'

--- figures and warnings while it trains; a number is that of the images, false switches all of it off
---@class lunette.Stage.barlow.monitor
---@field collapse? boolean spread and rank of the embeddings, and the warnings of a collapse
---@field epsilon? number of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4
---@field every? integer epochs between two measurements of the encoder
---@field images? integer training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none
---@field knn? boolean accuracy of nearest neighbours
---@field plateau? boolean warning of a loss that stays at that of a uniform guess
---@field probe? boolean accuracy of a linear probe
---@field qscore? boolean mean Q-Score, and the share of images without any highly active feature
---@field spectrum? boolean RankMe and alpha-ReQ of the representations

--- Adam with decoupled weight decay
---@class lunette.Stage.barlow.optim.adamw
---@field kind "adamw"
---@field betas? (number)[] decay rates of the two moments
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field eps? number added to the denominator
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.barlow.optim.adamw.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.barlow.optim.adamw.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- layer-wise adaptive rates on top of SGD
---@class lunette.Stage.barlow.optim.lars
---@field kind "lars"
---@field clip? boolean a layer's rate never exceeds lr
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field decayed_only? boolean no adaptation where weight decay is 0
---@field eta? number trust coefficient: a layer's rate is eta * |w| / |gradient| times lr
---@field exclude_1d? boolean leave biases and normalisation without decay and adaptation
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.barlow.optim.lars.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field trust? "sum"|"update" what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.barlow.optim.lars.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- stochastic gradient descent
---@class lunette.Stage.barlow.optim.sgd
---@field kind? "sgd"
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.barlow.optim.sgd.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.barlow.optim.sgd.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- raises low Q-Scores and holds back features that are active for every sample
---@class lunette.Stage.barlow.regularize.qscore
---@field kind? "qscore"
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? "discriminative"|"all" the features that count
---@field from_epoch? integer first epoch in which the term is added
---@field high? number upper percentile of the activation share (discriminative features)
---@field low? number lower percentile of the activation share (discriminative features)
---@field low_weight? number weight of the term for low scores
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field over_weight? number weight of the term for overactive features

--- checkpoints during the stage
---@class lunette.Stage.barlow.save
---@field every_epochs? integer epochs between two checkpoints
---@field keep? integer how many of the latest to keep

--- constant after the warm-up
---@class lunette.Stage.barlow.schedule.constant
---@field kind "constant"
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- half a cosine down to min_lr after the warm-up
---@class lunette.Stage.barlow.schedule.cosine
---@field kind? "cosine"
---@field min_lr? number learning rate at the end
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- predict what a slow copy of the encoder makes of the other view
---@class lunette.Stage.byol
---@field task? "byol"
---@field augment? string|table how the views of an image are made: a preset's name, a table (with or without preset), or one per view
---@field batch integer images per step
---@field data string the images to learn from, as "name:split"
---@field ema? number momentum of the teacher's moving average at the first step
---@field ema_final? number that momentum at the last step; half a cosine between
---@field epochs integer passes over the data
---@field from? string the stage whose weights to start from
---@field like? string the stage whose settings to copy
---@field loader_threads? integer background threads that make views; changes no number
---@field monitor? lunette.Stage.byol.monitor|number|false figures and warnings while it trains; a number is that of the images, false switches all of it off
---@field name string name of the stage
---@field optim lunette.Stage.byol.optim.adamw|lunette.Stage.byol.optim.lars|lunette.Stage.byol.optim.sgd the optimizer
---@field predictor? integer width of the predictor's hidden layer; 0 = no predictor, to see it collapse
---@field projector? (integer)[] widths of the projector's layers, the last one its output
---@field regularize? lunette.Stage.byol.regularize.qscore|false a term added to the loss; false switches off what `like` copied
---@field save? lunette.Stage.byol.save checkpoints during the stage
---@field schedule? lunette.Stage.byol.schedule.constant|lunette.Stage.byol.schedule.cosine the learning rate over time
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field size? integer height and width of the views in pixels; without it, the images'

--- figures and warnings while it trains; a number is that of the images, false switches all of it off
---@class lunette.Stage.byol.monitor
---@field collapse? boolean spread and rank of the embeddings, and the warnings of a collapse
---@field epsilon? number of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4
---@field every? integer epochs between two measurements of the encoder
---@field images? integer training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none
---@field knn? boolean accuracy of nearest neighbours
---@field plateau? boolean warning of a loss that stays at that of a uniform guess
---@field probe? boolean accuracy of a linear probe
---@field qscore? boolean mean Q-Score, and the share of images without any highly active feature
---@field spectrum? boolean RankMe and alpha-ReQ of the representations

--- Adam with decoupled weight decay
---@class lunette.Stage.byol.optim.adamw
---@field kind "adamw"
---@field betas? (number)[] decay rates of the two moments
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field eps? number added to the denominator
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.byol.optim.adamw.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.byol.optim.adamw.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- layer-wise adaptive rates on top of SGD
---@class lunette.Stage.byol.optim.lars
---@field kind "lars"
---@field clip? boolean a layer's rate never exceeds lr
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field decayed_only? boolean no adaptation where weight decay is 0
---@field eta? number trust coefficient: a layer's rate is eta * |w| / |gradient| times lr
---@field exclude_1d? boolean leave biases and normalisation without decay and adaptation
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.byol.optim.lars.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field trust? "sum"|"update" what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.byol.optim.lars.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- stochastic gradient descent
---@class lunette.Stage.byol.optim.sgd
---@field kind? "sgd"
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.byol.optim.sgd.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.byol.optim.sgd.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- raises low Q-Scores and holds back features that are active for every sample
---@class lunette.Stage.byol.regularize.qscore
---@field kind? "qscore"
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? "discriminative"|"all" the features that count
---@field from_epoch? integer first epoch in which the term is added
---@field high? number upper percentile of the activation share (discriminative features)
---@field low? number lower percentile of the activation share (discriminative features)
---@field low_weight? number weight of the term for low scores
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field over_weight? number weight of the term for overactive features

--- checkpoints during the stage
---@class lunette.Stage.byol.save
---@field every_epochs? integer epochs between two checkpoints
---@field keep? integer how many of the latest to keep

--- constant after the warm-up
---@class lunette.Stage.byol.schedule.constant
---@field kind "constant"
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- half a cosine down to min_lr after the warm-up
---@class lunette.Stage.byol.schedule.cosine
---@field kind? "cosine"
---@field min_lr? number learning rate at the end
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- give, from every view, what a slow copy gives from another, over prototypes
---@class lunette.Stage.dino
---@field task? "dino"
---@field augment? string|table how the views of an image are made: a preset's name, a table (with or without preset), or one per view
---@field batch integer images per step
---@field batch_norm? boolean batch norm in the head
---@field center_momentum? number momentum of the center's moving average
---@field data string the images to learn from, as "name:split"
---@field ema? number momentum of the teacher's moving average at the first step
---@field ema_final? number that momentum at the last step; half a cosine between
---@field epochs integer passes over the data
---@field freeze_epochs? integer first epochs in which the last layer stays as drawn
---@field from? string the stage whose weights to start from
---@field like? string the stage whose settings to copy
---@field loader_threads? integer background threads that make views; changes no number
---@field monitor? lunette.Stage.dino.monitor|number|false figures and warnings while it trains; a number is that of the images, false switches all of it off
---@field name string name of the stage
---@field optim lunette.Stage.dino.optim.adamw|lunette.Stage.dino.optim.lars|lunette.Stage.dino.optim.sgd the optimizer
---@field projector? (integer)[] widths of the head's layers before the prototypes
---@field prototypes? integer number of prototypes
---@field regularize? lunette.Stage.dino.regularize.qscore|false a term added to the loss; false switches off what `like` copied
---@field save? lunette.Stage.dino.save checkpoints during the stage
---@field schedule? lunette.Stage.dino.schedule.constant|lunette.Stage.dino.schedule.cosine the learning rate over time
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field size? integer height and width of the views in pixels; without it, the images'
---@field student_temp? number temperature of the student's softmax
---@field teacher_temp? number temperature of the teacher's softmax, after its warm-up
---@field warmup_epochs? integer epochs in which it goes linearly from the one to the other
---@field warmup_teacher_temp? number that temperature at the first step of the warm-up

--- figures and warnings while it trains; a number is that of the images, false switches all of it off
---@class lunette.Stage.dino.monitor
---@field collapse? boolean spread and rank of the embeddings, and the warnings of a collapse
---@field epsilon? number of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4
---@field every? integer epochs between two measurements of the encoder
---@field images? integer training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none
---@field knn? boolean accuracy of nearest neighbours
---@field plateau? boolean warning of a loss that stays at that of a uniform guess
---@field probe? boolean accuracy of a linear probe
---@field qscore? boolean mean Q-Score, and the share of images without any highly active feature
---@field spectrum? boolean RankMe and alpha-ReQ of the representations

--- Adam with decoupled weight decay
---@class lunette.Stage.dino.optim.adamw
---@field kind "adamw"
---@field betas? (number)[] decay rates of the two moments
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field eps? number added to the denominator
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.dino.optim.adamw.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.dino.optim.adamw.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- layer-wise adaptive rates on top of SGD
---@class lunette.Stage.dino.optim.lars
---@field kind "lars"
---@field clip? boolean a layer's rate never exceeds lr
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field decayed_only? boolean no adaptation where weight decay is 0
---@field eta? number trust coefficient: a layer's rate is eta * |w| / |gradient| times lr
---@field exclude_1d? boolean leave biases and normalisation without decay and adaptation
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.dino.optim.lars.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field trust? "sum"|"update" what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.dino.optim.lars.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- stochastic gradient descent
---@class lunette.Stage.dino.optim.sgd
---@field kind? "sgd"
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.dino.optim.sgd.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.dino.optim.sgd.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- raises low Q-Scores and holds back features that are active for every sample
---@class lunette.Stage.dino.regularize.qscore
---@field kind? "qscore"
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? "discriminative"|"all" the features that count
---@field from_epoch? integer first epoch in which the term is added
---@field high? number upper percentile of the activation share (discriminative features)
---@field low? number lower percentile of the activation share (discriminative features)
---@field low_weight? number weight of the term for low scores
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field over_weight? number weight of the term for overactive features

--- checkpoints during the stage
---@class lunette.Stage.dino.save
---@field every_epochs? integer epochs between two checkpoints
---@field keep? integer how many of the latest to keep

--- constant after the warm-up
---@class lunette.Stage.dino.schedule.constant
---@field kind "constant"
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- half a cosine down to min_lr after the warm-up
---@class lunette.Stage.dino.schedule.cosine
---@field kind? "cosine"
---@field min_lr? number learning rate at the end
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- where in the image a feature looks, as pictures
---@class lunette.Stage.heatmaps
---@field task? "heatmaps"
---@field data string the images to choose from
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? integer how many features of each, the most active first
---@field from string the stage whose encoder to use, or "random" for the untrained one
---@field high? number upper percentile of the activation share (discriminative features)
---@field images? integer how many images
---@field like? string the stage whose settings to copy
---@field low? number lower percentile of the activation share (discriminative features)
---@field method? "gradcam"|"activation"|"input"|"integrated"|"smooth" how a heatmap is made
---@field name string name of the stage
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field overlay? number opacity of the heatmap over the image
---@field probe? string the probe that tells correct from misclassified
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field select? "worst_qscore"|"best_qscore"|"misclassified"|"random"|"first" which images

--- heatmaps of highly active discriminative features, scored against core and spurious masks
---@class lunette.Stage.interpretability
---@field task? "interpretability"
---@field against? string a second encoder to compare with, such as the regularized one
---@field batch? integer images per forward pass
---@field data string images with masks
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? integer at most so many features of an image, the most active first
---@field from string the stage whose encoder to use, or "random" for the untrained one
---@field high? number upper percentile of the activation share (discriminative features)
---@field images? integer how many images, from the first; without it, all
---@field like? string the stage whose settings to copy
---@field low? number lower percentile of the activation share (discriminative features)
---@field method? "gradcam"|"activation"|"input"|"integrated"|"smooth" how a heatmap is made
---@field name string name of the stage
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field probe? string the probe that tells correct from misclassified
---@field resamples? integer bootstrap resamples of the intervals; 0 = none
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field sweep? (number)[] further thresholds to report
---@field threshold? number share of the map's maximum above which a pixel counts

--- a weighted vote of the nearest neighbours
---@class lunette.Stage.knn
---@field task? "knn"
---@field batch? integer images per forward pass
---@field data string the images to learn from, as "name:split"
---@field from string the stage whose encoder to use, or "random" for the untrained one
---@field k? integer neighbours that vote
---@field like? string the stage whose settings to copy
---@field name string name of the stage
---@field resamples? integer bootstrap resamples of the intervals; 0 = none
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field temperature? number temperature of the votes' weights
---@field test string the images to measure on, as "name:split"

--- a linear classifier on frozen features
---@class lunette.Stage.linear_probe
---@field task? "linear_probe"
---@field batch? integer features per step (sgd), images per forward pass
---@field data string the images to learn from, as "name:split"
---@field epochs? integer passes over the features (sgd)
---@field from string the stage whose encoder to use, or "random" for the untrained one
---@field iterations? integer most iterations (lbfgs)
---@field l2? number L2 penalty (lbfgs)
---@field like? string the stage whose settings to copy
---@field name string name of the stage
---@field optim? lunette.Stage.linear_probe.optim.sgd the optimizer (sgd)
---@field resamples? integer bootstrap resamples of the intervals; 0 = none
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field solver? "lbfgs"|"sgd" L-BFGS to convergence, or SGD as the papers do
---@field standardise? boolean scale features to mean 0 and variance 1 of the training split
---@field test string the images to measure on, as "name:split"

--- stochastic gradient descent
---@class lunette.Stage.linear_probe.optim.sgd
---@field kind? "sgd"
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- find the other view's key, made by a slow copy of the encoder, among those of a queue
---@class lunette.Stage.moco
---@field task? "moco"
---@field augment? string|table how the views of an image are made: a preset's name, a table (with or without preset), or one per view
---@field batch integer images per step
---@field batch_norm? boolean batch norm in the projector
---@field data string the images to learn from, as "name:split"
---@field ema? number momentum of the teacher's moving average at the first step
---@field ema_final? number that momentum at the last step; half a cosine between
---@field epochs integer passes over the data
---@field from? string the stage whose weights to start from
---@field like? string the stage whose settings to copy
---@field loader_threads? integer background threads that make views; changes no number
---@field monitor? lunette.Stage.moco.monitor|number|false figures and warnings while it trains; a number is that of the images, false switches all of it off
---@field name string name of the stage
---@field optim lunette.Stage.moco.optim.adamw|lunette.Stage.moco.optim.lars|lunette.Stage.moco.optim.sgd the optimizer
---@field projector? (integer)[] widths of the projector's layers, the last one its output
---@field queue? integer keys in the queue; at least a batch
---@field regularize? lunette.Stage.moco.regularize.qscore|false a term added to the loss; false switches off what `like` copied
---@field save? lunette.Stage.moco.save checkpoints during the stage
---@field schedule? lunette.Stage.moco.schedule.constant|lunette.Stage.moco.schedule.cosine the learning rate over time
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field size? integer height and width of the views in pixels; without it, the images'
---@field symmetric? boolean both views ask, each with a queue of its own; false: the first asks, the second answers
---@field temperature? number temperature of the softmax

--- figures and warnings while it trains; a number is that of the images, false switches all of it off
---@class lunette.Stage.moco.monitor
---@field collapse? boolean spread and rank of the embeddings, and the warnings of a collapse
---@field epsilon? number of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4
---@field every? integer epochs between two measurements of the encoder
---@field images? integer training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none
---@field knn? boolean accuracy of nearest neighbours
---@field plateau? boolean warning of a loss that stays at that of a uniform guess
---@field probe? boolean accuracy of a linear probe
---@field qscore? boolean mean Q-Score, and the share of images without any highly active feature
---@field spectrum? boolean RankMe and alpha-ReQ of the representations

--- Adam with decoupled weight decay
---@class lunette.Stage.moco.optim.adamw
---@field kind "adamw"
---@field betas? (number)[] decay rates of the two moments
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field eps? number added to the denominator
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.moco.optim.adamw.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.moco.optim.adamw.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- layer-wise adaptive rates on top of SGD
---@class lunette.Stage.moco.optim.lars
---@field kind "lars"
---@field clip? boolean a layer's rate never exceeds lr
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field decayed_only? boolean no adaptation where weight decay is 0
---@field eta? number trust coefficient: a layer's rate is eta * |w| / |gradient| times lr
---@field exclude_1d? boolean leave biases and normalisation without decay and adaptation
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.moco.optim.lars.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field trust? "sum"|"update" what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.moco.optim.lars.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- stochastic gradient descent
---@class lunette.Stage.moco.optim.sgd
---@field kind? "sgd"
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.moco.optim.sgd.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.moco.optim.sgd.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- raises low Q-Scores and holds back features that are active for every sample
---@class lunette.Stage.moco.regularize.qscore
---@field kind? "qscore"
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? "discriminative"|"all" the features that count
---@field from_epoch? integer first epoch in which the term is added
---@field high? number upper percentile of the activation share (discriminative features)
---@field low? number lower percentile of the activation share (discriminative features)
---@field low_weight? number weight of the term for low scores
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field over_weight? number weight of the term for overactive features

--- checkpoints during the stage
---@class lunette.Stage.moco.save
---@field every_epochs? integer epochs between two checkpoints
---@field keep? integer how many of the latest to keep

--- constant after the warm-up
---@class lunette.Stage.moco.schedule.constant
---@field kind "constant"
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- half a cosine down to min_lr after the warm-up
---@class lunette.Stage.moco.schedule.cosine
---@field kind? "cosine"
---@field min_lr? number learning rate at the end
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- predict the other view's key, made by a slow copy, among those of the batch
---@class lunette.Stage.mocov3
---@field task? "mocov3"
---@field augment? string|table how the views of an image are made: a preset's name, a table (with or without preset), or one per view
---@field batch integer images per step
---@field data string the images to learn from, as "name:split"
---@field ema? number momentum of the teacher's moving average at the first step
---@field ema_final? number that momentum at the last step; half a cosine between
---@field epochs integer passes over the data
---@field from? string the stage whose weights to start from
---@field like? string the stage whose settings to copy
---@field loader_threads? integer background threads that make views; changes no number
---@field monitor? lunette.Stage.mocov3.monitor|number|false figures and warnings while it trains; a number is that of the images, false switches all of it off
---@field name string name of the stage
---@field optim lunette.Stage.mocov3.optim.adamw|lunette.Stage.mocov3.optim.lars|lunette.Stage.mocov3.optim.sgd the optimizer
---@field predictor? integer width of the predictor's hidden layer
---@field projector? (integer)[] widths of the projector's layers, the last one its output
---@field regularize? lunette.Stage.mocov3.regularize.qscore|false a term added to the loss; false switches off what `like` copied
---@field save? lunette.Stage.mocov3.save checkpoints during the stage
---@field schedule? lunette.Stage.mocov3.schedule.constant|lunette.Stage.mocov3.schedule.cosine the learning rate over time
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field size? integer height and width of the views in pixels; without it, the images'
---@field temperature? number temperature of the softmax

--- figures and warnings while it trains; a number is that of the images, false switches all of it off
---@class lunette.Stage.mocov3.monitor
---@field collapse? boolean spread and rank of the embeddings, and the warnings of a collapse
---@field epsilon? number of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4
---@field every? integer epochs between two measurements of the encoder
---@field images? integer training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none
---@field knn? boolean accuracy of nearest neighbours
---@field plateau? boolean warning of a loss that stays at that of a uniform guess
---@field probe? boolean accuracy of a linear probe
---@field qscore? boolean mean Q-Score, and the share of images without any highly active feature
---@field spectrum? boolean RankMe and alpha-ReQ of the representations

--- Adam with decoupled weight decay
---@class lunette.Stage.mocov3.optim.adamw
---@field kind "adamw"
---@field betas? (number)[] decay rates of the two moments
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field eps? number added to the denominator
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.mocov3.optim.adamw.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.mocov3.optim.adamw.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- layer-wise adaptive rates on top of SGD
---@class lunette.Stage.mocov3.optim.lars
---@field kind "lars"
---@field clip? boolean a layer's rate never exceeds lr
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field decayed_only? boolean no adaptation where weight decay is 0
---@field eta? number trust coefficient: a layer's rate is eta * |w| / |gradient| times lr
---@field exclude_1d? boolean leave biases and normalisation without decay and adaptation
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.mocov3.optim.lars.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field trust? "sum"|"update" what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.mocov3.optim.lars.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- stochastic gradient descent
---@class lunette.Stage.mocov3.optim.sgd
---@field kind? "sgd"
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.mocov3.optim.sgd.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.mocov3.optim.sgd.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- raises low Q-Scores and holds back features that are active for every sample
---@class lunette.Stage.mocov3.regularize.qscore
---@field kind? "qscore"
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? "discriminative"|"all" the features that count
---@field from_epoch? integer first epoch in which the term is added
---@field high? number upper percentile of the activation share (discriminative features)
---@field low? number lower percentile of the activation share (discriminative features)
---@field low_weight? number weight of the term for low scores
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field over_weight? number weight of the term for overactive features

--- checkpoints during the stage
---@class lunette.Stage.mocov3.save
---@field every_epochs? integer epochs between two checkpoints
---@field keep? integer how many of the latest to keep

--- constant after the warm-up
---@class lunette.Stage.mocov3.schedule.constant
---@field kind "constant"
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- half a cosine down to min_lr after the warm-up
---@class lunette.Stage.mocov3.schedule.cosine
---@field kind? "cosine"
---@field min_lr? number learning rate at the end
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- the Q-Score of every representation, and how well it tells correct from misclassified
---@class lunette.Stage.qscore
---@field task? "qscore"
---@field batch? integer images per forward pass
---@field data string the images on which the discriminative features are found
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field form? "v1"|"v3"|"v6" which form of the score
---@field from string the stage whose encoder to use, or "random" for the untrained one
---@field high? number upper percentile of the activation share (discriminative features)
---@field like? string the stage whose settings to copy
---@field low? number lower percentile of the activation share (discriminative features)
---@field name string name of the stage
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field probe string the probe that tells correct from misclassified
---@field resamples? integer bootstrap resamples of the intervals; 0 = none
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field sweep? (number)[] further values of epsilon to report
---@field test string the images that are scored

--- contrast two views of an image with all other images of the batch
---@class lunette.Stage.simclr
---@field task? "simclr"
---@field augment? string|table how the views of an image are made: a preset's name, a table (with or without preset), or one per view
---@field batch integer images per step
---@field batch_norm? boolean batch norm in the projector
---@field data string the images to learn from, as "name:split"
---@field epochs integer passes over the data
---@field from? string the stage whose weights to start from
---@field like? string the stage whose settings to copy
---@field loader_threads? integer background threads that make views; changes no number
---@field monitor? lunette.Stage.simclr.monitor|number|false figures and warnings while it trains; a number is that of the images, false switches all of it off
---@field name string name of the stage
---@field optim lunette.Stage.simclr.optim.adamw|lunette.Stage.simclr.optim.lars|lunette.Stage.simclr.optim.sgd the optimizer
---@field projector? (integer)[] widths of the projector's layers, the last one its output
---@field regularize? lunette.Stage.simclr.regularize.qscore|false a term added to the loss; false switches off what `like` copied
---@field save? lunette.Stage.simclr.save checkpoints during the stage
---@field schedule? lunette.Stage.simclr.schedule.constant|lunette.Stage.simclr.schedule.cosine the learning rate over time
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field size? integer height and width of the views in pixels; without it, the images'
---@field temperature? number temperature of the softmax

--- figures and warnings while it trains; a number is that of the images, false switches all of it off
---@class lunette.Stage.simclr.monitor
---@field collapse? boolean spread and rank of the embeddings, and the warnings of a collapse
---@field epsilon? number of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4
---@field every? integer epochs between two measurements of the encoder
---@field images? integer training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none
---@field knn? boolean accuracy of nearest neighbours
---@field plateau? boolean warning of a loss that stays at that of a uniform guess
---@field probe? boolean accuracy of a linear probe
---@field qscore? boolean mean Q-Score, and the share of images without any highly active feature
---@field spectrum? boolean RankMe and alpha-ReQ of the representations

--- Adam with decoupled weight decay
---@class lunette.Stage.simclr.optim.adamw
---@field kind "adamw"
---@field betas? (number)[] decay rates of the two moments
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field eps? number added to the denominator
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.simclr.optim.adamw.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.simclr.optim.adamw.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- layer-wise adaptive rates on top of SGD
---@class lunette.Stage.simclr.optim.lars
---@field kind "lars"
---@field clip? boolean a layer's rate never exceeds lr
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field decayed_only? boolean no adaptation where weight decay is 0
---@field eta? number trust coefficient: a layer's rate is eta * |w| / |gradient| times lr
---@field exclude_1d? boolean leave biases and normalisation without decay and adaptation
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.simclr.optim.lars.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field trust? "sum"|"update" what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.simclr.optim.lars.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- stochastic gradient descent
---@class lunette.Stage.simclr.optim.sgd
---@field kind? "sgd"
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.simclr.optim.sgd.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.simclr.optim.sgd.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- raises low Q-Scores and holds back features that are active for every sample
---@class lunette.Stage.simclr.regularize.qscore
---@field kind? "qscore"
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? "discriminative"|"all" the features that count
---@field from_epoch? integer first epoch in which the term is added
---@field high? number upper percentile of the activation share (discriminative features)
---@field low? number lower percentile of the activation share (discriminative features)
---@field low_weight? number weight of the term for low scores
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field over_weight? number weight of the term for overactive features

--- checkpoints during the stage
---@class lunette.Stage.simclr.save
---@field every_epochs? integer epochs between two checkpoints
---@field keep? integer how many of the latest to keep

--- constant after the warm-up
---@class lunette.Stage.simclr.schedule.constant
---@field kind "constant"
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- half a cosine down to min_lr after the warm-up
---@class lunette.Stage.simclr.schedule.cosine
---@field kind? "cosine"
---@field min_lr? number learning rate at the end
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- predict the other view's embedding, its gradient stopped
---@class lunette.Stage.simsiam
---@field task? "simsiam"
---@field augment? string|table how the views of an image are made: a preset's name, a table (with or without preset), or one per view
---@field batch integer images per step
---@field data string the images to learn from, as "name:split"
---@field epochs integer passes over the data
---@field from? string the stage whose weights to start from
---@field like? string the stage whose settings to copy
---@field loader_threads? integer background threads that make views; changes no number
---@field monitor? lunette.Stage.simsiam.monitor|number|false figures and warnings while it trains; a number is that of the images, false switches all of it off
---@field name string name of the stage
---@field optim lunette.Stage.simsiam.optim.adamw|lunette.Stage.simsiam.optim.lars|lunette.Stage.simsiam.optim.sgd the optimizer
---@field predictor? integer width of the predictor's hidden layer
---@field projector? (integer)[] widths of the projector's layers, the last one its output
---@field regularize? lunette.Stage.simsiam.regularize.qscore|false a term added to the loss; false switches off what `like` copied
---@field save? lunette.Stage.simsiam.save checkpoints during the stage
---@field schedule? lunette.Stage.simsiam.schedule.constant|lunette.Stage.simsiam.schedule.cosine the learning rate over time
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field size? integer height and width of the views in pixels; without it, the images'
---@field stop_gradient? boolean no gradient to the other view's embedding; false: with it, to see it collapse

--- figures and warnings while it trains; a number is that of the images, false switches all of it off
---@class lunette.Stage.simsiam.monitor
---@field collapse? boolean spread and rank of the embeddings, and the warnings of a collapse
---@field epsilon? number of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4
---@field every? integer epochs between two measurements of the encoder
---@field images? integer training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none
---@field knn? boolean accuracy of nearest neighbours
---@field plateau? boolean warning of a loss that stays at that of a uniform guess
---@field probe? boolean accuracy of a linear probe
---@field qscore? boolean mean Q-Score, and the share of images without any highly active feature
---@field spectrum? boolean RankMe and alpha-ReQ of the representations

--- Adam with decoupled weight decay
---@class lunette.Stage.simsiam.optim.adamw
---@field kind "adamw"
---@field betas? (number)[] decay rates of the two moments
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field eps? number added to the denominator
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.simsiam.optim.adamw.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.simsiam.optim.adamw.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- layer-wise adaptive rates on top of SGD
---@class lunette.Stage.simsiam.optim.lars
---@field kind "lars"
---@field clip? boolean a layer's rate never exceeds lr
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field decayed_only? boolean no adaptation where weight decay is 0
---@field eta? number trust coefficient: a layer's rate is eta * |w| / |gradient| times lr
---@field exclude_1d? boolean leave biases and normalisation without decay and adaptation
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.simsiam.optim.lars.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field trust? "sum"|"update" what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.simsiam.optim.lars.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- stochastic gradient descent
---@class lunette.Stage.simsiam.optim.sgd
---@field kind? "sgd"
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.simsiam.optim.sgd.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.simsiam.optim.sgd.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- raises low Q-Scores and holds back features that are active for every sample
---@class lunette.Stage.simsiam.regularize.qscore
---@field kind? "qscore"
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? "discriminative"|"all" the features that count
---@field from_epoch? integer first epoch in which the term is added
---@field high? number upper percentile of the activation share (discriminative features)
---@field low? number lower percentile of the activation share (discriminative features)
---@field low_weight? number weight of the term for low scores
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field over_weight? number weight of the term for overactive features

--- checkpoints during the stage
---@class lunette.Stage.simsiam.save
---@field every_epochs? integer epochs between two checkpoints
---@field keep? integer how many of the latest to keep

--- constant after the warm-up
---@class lunette.Stage.simsiam.schedule.constant
---@field kind "constant"
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- half a cosine down to min_lr after the warm-up
---@class lunette.Stage.simsiam.schedule.cosine
---@field kind? "cosine"
---@field min_lr? number learning rate at the end
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- predict, from each view, the other views' balanced assignment to prototypes
---@class lunette.Stage.swav
---@field task? "swav"
---@field augment? string|table how the views of an image are made: a preset's name, a table (with or without preset), or one per view
---@field batch integer images per step
---@field data string the images to learn from, as "name:split"
---@field epochs integer passes over the data
---@field epsilon? number smoothness of the assignment: scores are divided by it
---@field freeze_epochs? integer first epochs in which the prototypes stay as drawn
---@field from? string the stage whose weights to start from
---@field iterations? integer iterations of Sinkhorn-Knopp
---@field like? string the stage whose settings to copy
---@field loader_threads? integer background threads that make views; changes no number
---@field monitor? lunette.Stage.swav.monitor|number|false figures and warnings while it trains; a number is that of the images, false switches all of it off
---@field name string name of the stage
---@field optim lunette.Stage.swav.optim.adamw|lunette.Stage.swav.optim.lars|lunette.Stage.swav.optim.sgd the optimizer
---@field projector? (integer)[] widths of the projector's layers, the last one its output
---@field prototypes? integer number of prototypes
---@field queue? integer embeddings of earlier batches in each assignment; 0 = none
---@field queue_from_epoch? integer first epoch in which the queue is filled, and used once it is full
---@field regularize? lunette.Stage.swav.regularize.qscore|false a term added to the loss; false switches off what `like` copied
---@field save? lunette.Stage.swav.save checkpoints during the stage
---@field schedule? lunette.Stage.swav.schedule.constant|lunette.Stage.swav.schedule.cosine the learning rate over time
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field sinkhorn? boolean balanced assignments; false: plain softmax(scores / epsilon), to see it collapse
---@field size? integer height and width of the views in pixels; without it, the images'
---@field temperature? number temperature of the softmax

--- figures and warnings while it trains; a number is that of the images, false switches all of it off
---@class lunette.Stage.swav.monitor
---@field collapse? boolean spread and rank of the embeddings, and the warnings of a collapse
---@field epsilon? number of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4
---@field every? integer epochs between two measurements of the encoder
---@field images? integer training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none
---@field knn? boolean accuracy of nearest neighbours
---@field plateau? boolean warning of a loss that stays at that of a uniform guess
---@field probe? boolean accuracy of a linear probe
---@field qscore? boolean mean Q-Score, and the share of images without any highly active feature
---@field spectrum? boolean RankMe and alpha-ReQ of the representations

--- Adam with decoupled weight decay
---@class lunette.Stage.swav.optim.adamw
---@field kind "adamw"
---@field betas? (number)[] decay rates of the two moments
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field eps? number added to the denominator
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.swav.optim.adamw.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.swav.optim.adamw.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- layer-wise adaptive rates on top of SGD
---@class lunette.Stage.swav.optim.lars
---@field kind "lars"
---@field clip? boolean a layer's rate never exceeds lr
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field decayed_only? boolean no adaptation where weight decay is 0
---@field eta? number trust coefficient: a layer's rate is eta * |w| / |gradient| times lr
---@field exclude_1d? boolean leave biases and normalisation without decay and adaptation
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.swav.optim.lars.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field trust? "sum"|"update" what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.swav.optim.lars.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- stochastic gradient descent
---@class lunette.Stage.swav.optim.sgd
---@field kind? "sgd"
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.swav.optim.sgd.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.swav.optim.sgd.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- raises low Q-Scores and holds back features that are active for every sample
---@class lunette.Stage.swav.regularize.qscore
---@field kind? "qscore"
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? "discriminative"|"all" the features that count
---@field from_epoch? integer first epoch in which the term is added
---@field high? number upper percentile of the activation share (discriminative features)
---@field low? number lower percentile of the activation share (discriminative features)
---@field low_weight? number weight of the term for low scores
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field over_weight? number weight of the term for overactive features

--- checkpoints during the stage
---@class lunette.Stage.swav.save
---@field every_epochs? integer epochs between two checkpoints
---@field keep? integer how many of the latest to keep

--- constant after the warm-up
---@class lunette.Stage.swav.schedule.constant
---@field kind "constant"
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- half a cosine down to min_lr after the warm-up
---@class lunette.Stage.swav.schedule.cosine
---@field kind? "cosine"
---@field min_lr? number learning rate at the end
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- make two views' embeddings equal, and their dimensions varied and uncorrelated
---@class lunette.Stage.vicreg
---@field task? "vicreg"
---@field augment? string|table how the views of an image are made: a preset's name, a table (with or without preset), or one per view
---@field batch integer images per step
---@field covariance? number weight of the squared covariances
---@field data string the images to learn from, as "name:split"
---@field epochs integer passes over the data
---@field from? string the stage whose weights to start from
---@field invariance? number weight of the squared distance between the views
---@field like? string the stage whose settings to copy
---@field loader_threads? integer background threads that make views; changes no number
---@field monitor? lunette.Stage.vicreg.monitor|number|false figures and warnings while it trains; a number is that of the images, false switches all of it off
---@field name string name of the stage
---@field optim lunette.Stage.vicreg.optim.adamw|lunette.Stage.vicreg.optim.lars|lunette.Stage.vicreg.optim.sgd the optimizer
---@field projector? (integer)[] widths of the projector's layers, the last one its output
---@field regularize? lunette.Stage.vicreg.regularize.qscore|false a term added to the loss; false switches off what `like` copied
---@field save? lunette.Stage.vicreg.save checkpoints during the stage
---@field schedule? lunette.Stage.vicreg.schedule.constant|lunette.Stage.vicreg.schedule.cosine the learning rate over time
---@field seed? integer seed of this stage alone; without it, the recipe's
---@field size? integer height and width of the views in pixels; without it, the images'
---@field variance? number weight of the hinge on each dimension's standard deviation

--- figures and warnings while it trains; a number is that of the images, false switches all of it off
---@class lunette.Stage.vicreg.monitor
---@field collapse? boolean spread and rank of the embeddings, and the warnings of a collapse
---@field epsilon? number of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4
---@field every? integer epochs between two measurements of the encoder
---@field images? integer training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none
---@field knn? boolean accuracy of nearest neighbours
---@field plateau? boolean warning of a loss that stays at that of a uniform guess
---@field probe? boolean accuracy of a linear probe
---@field qscore? boolean mean Q-Score, and the share of images without any highly active feature
---@field spectrum? boolean RankMe and alpha-ReQ of the representations

--- Adam with decoupled weight decay
---@class lunette.Stage.vicreg.optim.adamw
---@field kind "adamw"
---@field betas? (number)[] decay rates of the two moments
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field eps? number added to the denominator
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.vicreg.optim.adamw.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.vicreg.optim.adamw.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- layer-wise adaptive rates on top of SGD
---@class lunette.Stage.vicreg.optim.lars
---@field kind "lars"
---@field clip? boolean a layer's rate never exceeds lr
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field decayed_only? boolean no adaptation where weight decay is 0
---@field eta? number trust coefficient: a layer's rate is eta * |w| / |gradient| times lr
---@field exclude_1d? boolean leave biases and normalisation without decay and adaptation
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.vicreg.optim.lars.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field trust? "sum"|"update" what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.vicreg.optim.lars.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- stochastic gradient descent
---@class lunette.Stage.vicreg.optim.sgd
---@field kind? "sgd"
---@field clip_each? boolean clip every tensor by its own length, not all by the length of all
---@field clip_norm? number gradients longer than this are scaled down to it; without it, never
---@field decay_1d? boolean weight decay for biases and norms too
---@field final_weight_decay? number weight decay at the end, reached by a cosine; without it, constant
---@field groups? (lunette.Stage.vicreg.optim.sgd.groups)[] parameters with options of their own
---@field lr number learning rate at the end of the warm-up
---@field momentum? number momentum
---@field nesterov? boolean Nesterov's momentum
---@field weight_decay? number weight decay

--- parameters with options of their own; the first group that fits a parameter holds
---@class lunette.Stage.vicreg.optim.sgd.groups
---@field lr? number a learning rate that no schedule changes
---@field lr_scale? number factor of the learning rate
---@field match? (string)[] the parameters' names; without it, all
---@field max_ndim? integer only parameters of so many axes or fewer; 1: biases and norms
---@field weight_decay? number weight decay, which no schedule changes

--- raises low Q-Scores and holds back features that are active for every sample
---@class lunette.Stage.vicreg.regularize.qscore
---@field kind? "qscore"
---@field epsilon? number a feature is highly active above mean + epsilon * standard deviation of its sample
---@field features? "discriminative"|"all" the features that count
---@field from_epoch? integer first epoch in which the term is added
---@field high? number upper percentile of the activation share (discriminative features)
---@field low? number lower percentile of the activation share (discriminative features)
---@field low_weight? number weight of the term for low scores
---@field over? "all"|"nonzero" percentiles over all features, or over those active at least once
---@field over_weight? number weight of the term for overactive features

--- checkpoints during the stage
---@class lunette.Stage.vicreg.save
---@field every_epochs? integer epochs between two checkpoints
---@field keep? integer how many of the latest to keep

--- constant after the warm-up
---@class lunette.Stage.vicreg.schedule.constant
---@field kind "constant"
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- half a cosine down to min_lr after the warm-up
---@class lunette.Stage.vicreg.schedule.cosine
---@field kind? "cosine"
---@field min_lr? number learning rate at the end
---@field start_lr? number learning rate at the first step of the warm-up
---@field warmup_epochs? number epochs of linear warm-up from start_lr

--- What a recipe file returns.
---@class lunette.Recipe
---@field stages (lunette.Stage.barlow|lunette.Stage.byol|lunette.Stage.dino|lunette.Stage.heatmaps|lunette.Stage.interpretability|lunette.Stage.knn|lunette.Stage.linear_probe|lunette.Stage.moco|lunette.Stage.mocov3|lunette.Stage.qscore|lunette.Stage.simclr|lunette.Stage.simsiam|lunette.Stage.swav|lunette.Stage.vicreg)[] the stages, run in this order
---@field about? string what the recipe is for
---@field data table<string, lunette.Recipe.data.cifar10|lunette.Recipe.data.cifar100|lunette.Recipe.data.folder|lunette.Recipe.data.shapes|lunette.Recipe.data.stl10> data sets by name
---@field determinism? "strict"|"fast" bit-equal runs on the same build and device; fast: also kernels of cuDNN that add in another order each time
---@field device? "auto"|"cpu"|"cuda" where to run
---@field extends? string recipe file to begin with
---@field format integer version of the recipe format
---@field model? lunette.Recipe.model.conv4|lunette.Recipe.model.resnet18|lunette.Recipe.model.resnet34|lunette.Recipe.model.resnet50|lunette.Recipe.model.vit_small|lunette.Recipe.model.vit_tiny the encoder and its projector
---@field name string name of the recipe, part of the run directory's name
---@field needs? lunette.Recipe.needs what the recipe needs to run
---@field precision? "auto"|"f32"|"bf16" precision of the encoder unless the model says otherwise
---@field report? lunette.Recipe.report what the report shows
---@field seed? integer the root of every random number
---@field smoke? table<string, any> settings that make a run a matter of seconds, used by --smoke; in a configuration, those that were used

--- CIFAR-10 in the official binary form
---@class lunette.Recipe.data.cifar10
---@field kind "cifar10"
---@field files? lunette.Recipe.data.cifar10.files which files make which split
---@field limit? integer only the first so many images of each split; without it, all
---@field path string folder with the .bin files, below the data root
---@field sha256? table<string, string> expected SHA-256 by file name; a file that differs stops the run

--- which files make which split
---@class lunette.Recipe.data.cifar10.files
---@field test? (string)[] files of the split, read in this order
---@field train? (string)[] files of the split, read in this order

--- CIFAR-100 in the official binary form, with its 100 fine labels
---@class lunette.Recipe.data.cifar100
---@field kind "cifar100"
---@field files? lunette.Recipe.data.cifar100.files which files make which split
---@field limit? integer only the first so many images of each split; without it, all
---@field path string folder with the .bin files, below the data root
---@field sha256? table<string, string> expected SHA-256 by file name; a file that differs stops the run

--- which files make which split
---@class lunette.Recipe.data.cifar100.files
---@field test? (string)[] files of the split, read in this order
---@field train? (string)[] files of the split, read in this order

--- pictures in path/train/CLASS and path/val/CLASS, PNG and JPEG, as ImageNet has them
---@class lunette.Recipe.data.folder
---@field kind "folder"
---@field classes? (string)[] the subfolders that are the classes, in this order; without it, all
---@field limit? integer only the first so many images of each class; without it, all
---@field path string folder with `train` and `val`, below the data root
---@field size? integer height and width that each picture's central square is brought to; memory holds 3 size^2 bytes of each

--- small scenes made on the fly from a seed, with exact core and spurious masks
---@class lunette.Recipe.data.shapes
---@field kind "shapes"
---@field classes? integer number of classes
---@field correlation? number how often a class has its own background in training
---@field n_test? integer images of the test split
---@field n_train? integer images of the training split
---@field seed? integer seed of the images; without it, the recipe's
---@field size? integer height and width in pixels

--- STL-10 in the official binary form
---@class lunette.Recipe.data.stl10
---@field kind "stl10"
---@field limit? integer only the first so many images of each split; without it, all
---@field path string folder with the .bin files, below the data root
---@field sha256? table<string, string> expected SHA-256 by file name; a file that differs stops the run

--- four convolutions with pooling, of few-shot learning
---@class lunette.Recipe.model.conv4
---@field backbone "conv4"
---@field precision? "auto"|"f32"|"bf16" precision of the encoder; without it, the recipe's
---@field projector? (integer)[] widths of the projector's layers, the last one its output; without it, those of each method
---@field width? integer channels of every block

--- a residual network of 18 layers
---@class lunette.Recipe.model.resnet18
---@field backbone? "resnet18"
---@field precision? "auto"|"f32"|"bf16" precision of the encoder; without it, the recipe's
---@field projector? (integer)[] widths of the projector's layers, the last one its output; without it, those of each method
---@field stem? "cifar"|"imagenet" first layers, by image size
---@field width? integer channels of the first stage
---@field zero_init_residual? boolean blocks start as their shortcuts: the last batch norm's weight is 0

--- a residual network of 34 layers
---@class lunette.Recipe.model.resnet34
---@field backbone "resnet34"
---@field precision? "auto"|"f32"|"bf16" precision of the encoder; without it, the recipe's
---@field projector? (integer)[] widths of the projector's layers, the last one its output; without it, those of each method
---@field stem? "cifar"|"imagenet" first layers, by image size
---@field width? integer channels of the first stage
---@field zero_init_residual? boolean blocks start as their shortcuts: the last batch norm's weight is 0

--- a residual network of 50 layers in bottlenecks
---@class lunette.Recipe.model.resnet50
---@field backbone "resnet50"
---@field precision? "auto"|"f32"|"bf16" precision of the encoder; without it, the recipe's
---@field projector? (integer)[] widths of the projector's layers, the last one its output; without it, those of each method
---@field stem? "cifar"|"imagenet" first layers, by image size
---@field width? integer channels of the first stage
---@field zero_init_residual? boolean blocks start as their shortcuts: the last batch norm's weight is 0

--- a vision transformer with 384 features and 6 heads; its features can be negative, which the Q-Score's definition does not expect
---@class lunette.Recipe.model.vit_small
---@field backbone "vit_small"
---@field depth? integer number of blocks
---@field image? integer size of the images that the position embedding is made for
---@field patch? integer height and width of a patch in pixels
---@field precision? "auto"|"f32"|"bf16" precision of the encoder; without it, the recipe's
---@field projector? (integer)[] widths of the projector's layers, the last one its output; without it, those of each method

--- a vision transformer with 192 features and 3 heads; its features can be negative, which the Q-Score's definition does not expect
---@class lunette.Recipe.model.vit_tiny
---@field backbone "vit_tiny"
---@field depth? integer number of blocks
---@field image? integer size of the images that the position embedding is made for
---@field patch? integer height and width of a patch in pixels
---@field precision? "auto"|"f32"|"bf16" precision of the encoder; without it, the recipe's
---@field projector? (integer)[] widths of the projector's layers, the last one its output; without it, those of each method

--- what the recipe needs to run
---@class lunette.Recipe.needs
---@field device? "cpu"|"cuda"|"cuda or cpu"|"cpu or cuda" the devices it can run on
---@field disk_gb? number GB that the run may write; without it, 20
---@field memory_gb? number main memory in GB
---@field program? string versions of the program, such as ">=0.3 <1.0"

--- what the report shows
---@class lunette.Recipe.report
---@field compare? (string)[] probes to set side by side, in this order; without it, all of them
---@field figures? (string)[] stages whose figures to show; without it, all
---@field title? string title; without it, the recipe's name

return lunette
