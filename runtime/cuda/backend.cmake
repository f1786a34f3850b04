# The CUDA backend, liblunette_cuda.so beside the program: built when asked for, cmake --build build --target lunette_cuda.
# nvcc compiles the kernels, the C compiler the rest. CUDA's run-time library is inside; the driver, cuBLAS and cuDNN are
# loaded when they are needed. LUNETTE_CUDA_HOME names the toolkit where nvcc is not on the PATH.
find_program(NVCC nvcc HINTS ${LUNETTE_CUDA_HOME}/bin $ENV{LUNETTE_CUDA_HOME}/bin /usr/local/cuda/bin)
if(NVCC)
  get_filename_component(CUDA_HOME ${NVCC} REALPATH)
  get_filename_component(CUDA_HOME ${CUDA_HOME} DIRECTORY)
  get_filename_component(CUDA_HOME ${CUDA_HOME} DIRECTORY)
  find_library(CUDART_STATIC libcudart_static.a HINTS ${CUDA_HOME}/lib64 ${CUDA_HOME}/lib ${CUDA_HOME}/targets/x86_64-linux/lib)
  set(CUDA_INCLUDES ${CUDA_HOME}/include ${CUDA_HOME}/targets/x86_64-linux/include)
  find_path(CUDA_INCLUDE cuda_runtime_api.h HINTS ${CUDA_INCLUDES})
  find_path(CUBLAS_INCLUDE cublas_v2.h HINTS ${CUDA_INCLUDES})
  find_path(CUDNN_INCLUDE cudnn_graph.h HINTS ${CUDA_INCLUDES})
endif()
if(NOT NVCC OR NOT CUDART_STATIC OR NOT CUDA_INCLUDE OR NOT CUBLAS_INCLUDE)
  add_custom_target(lunette_cuda
    COMMAND ${CMAKE_COMMAND} -E echo "The CUDA toolkit was not found: it needs nvcc, cuda_runtime_api.h, cublas_v2.h, libcudart_static.a."
    COMMAND ${CMAKE_COMMAND} -E echo "Install it, or say where it is: LUNETTE_CUDA_HOME=/usr/local/cuda cmake -S . -B build"
    COMMAND ${CMAKE_COMMAND} -E false)
  return()
endif()

# Machine code for A100 and H100, and PTX, from which the driver makes code for what comes after.
set(CUDA_CODE -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90 -gencode arch=compute_90,code=compute_90)
file(GLOB CUDA_KERNELS CONFIGURE_DEPENDS runtime/cuda/*.cu)
set(CUDA_OBJECTS)
foreach(file ${CUDA_KERNELS})
  get_filename_component(name ${file} NAME_WE)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/cuda/${name}.o)
  # Draws of augmentation are to be the CPU's: no product joined with a sum, which rounds once instead of twice.
  set(exact)
  if(name STREQUAL augment)
    set(exact -fmad=false)
  endif()
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/cuda
    COMMAND ${NVCC} -std=c++17 -O3 -Werror all-warnings -Xcompiler -fPIC,-fvisibility=hidden ${CUDA_CODE} ${exact}
            -I${CMAKE_SOURCE_DIR}/runtime -I${CMAKE_SOURCE_DIR}/runtime/include -I${CMAKE_SOURCE_DIR}/runtime/cuda
            -MD -MF ${object}.d -c ${file} -o ${object}
    DEPENDS ${file} DEPFILE ${object}.d COMMENT "nvcc ${name}.cu" VERBATIM)
  list(APPEND CUDA_OBJECTS ${object})
endforeach()
file(GLOB CUDA_DEVICE CONFIGURE_DEPENDS runtime/cuda/device/*.c)
# dnn_none.c stands in for dnn.c where cuDNN's headers (version 9) are absent.
if(CUDNN_INCLUDE)
  list(FILTER CUDA_DEVICE EXCLUDE REGEX "/dnn_none.c$")
else()
  list(FILTER CUDA_DEVICE EXCLUDE REGEX "/dnn.c$")
  message(STATUS "no headers of cuDNN 9: the CUDA backend makes convolutions of matrix products")
endif()
add_library(lunette_cuda SHARED EXCLUDE_FROM_ALL ${CUDA_DEVICE} ${CUDA_OBJECTS})
target_include_directories(lunette_cuda PRIVATE runtime/cuda)
target_include_directories(lunette_cuda SYSTEM PRIVATE ${CUDA_INCLUDE} ${CUBLAS_INCLUDE} $<$<BOOL:${CUDNN_INCLUDE}>:${CUDNN_INCLUDE}>)
# Of everything inside, the program sees lun_device_backend_get alone.
target_link_options(lunette_cuda PRIVATE -Wl,--exclude-libs,ALL -static-libgcc)
target_link_libraries(lunette_cuda PRIVATE ${CUDART_STATIC} rt -l:libstdc++.a)
