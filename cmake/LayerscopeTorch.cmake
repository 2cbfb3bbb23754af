# layerscope::torch_cpu: libtorch_cpu + libc10 of the torch wheel, without CUDA libraries.
#
# The wheel's own find_package(Torch) insists on a CUDA toolkit and links everything it finds. These two libraries
# need only the CUDA runtime and CUPTI wheels beside them, which their own run path names.

set(LAYERSCOPE_DEPS "$ENV{LAYERSCOPE_DEPS}" CACHE PATH "Folder that installer/run put the torch wheel into")
if(NOT LAYERSCOPE_DEPS)
    if(DEFINED ENV{XDG_CACHE_HOME})
        set(LAYERSCOPE_DEPS "$ENV{XDG_CACHE_HOME}/layerscope/deps")
    else()
        set(LAYERSCOPE_DEPS "$ENV{HOME}/.cache/layerscope/deps")
    endif()
endif()
file(GLOB candidates ${LAYERSCOPE_DEPS}/venv/lib/python3*/site-packages/torch)
find_path(LAYERSCOPE_TORCH_DIR NAMES include/ATen/core/Tensor.h lib/libtorch_cpu.so HINTS ${candidates} NO_DEFAULT_PATH)
if(NOT LAYERSCOPE_TORCH_DIR)
    message(FATAL_ERROR "The torch 2.11 wheel was not found in ${LAYERSCOPE_DEPS}. "
        "Run installer/run --prepare, or set LAYERSCOPE_TORCH_DIR to the wheel's torch folder.")
endif()

add_library(layerscope::c10 SHARED IMPORTED)
set_target_properties(layerscope::c10 PROPERTIES IMPORTED_LOCATION ${LAYERSCOPE_TORCH_DIR}/lib/libc10.so)
add_library(layerscope::torch_cpu SHARED IMPORTED)
set_target_properties(layerscope::torch_cpu PROPERTIES
    IMPORTED_LOCATION ${LAYERSCOPE_TORCH_DIR}/lib/libtorch_cpu.so
    INTERFACE_LINK_LIBRARIES "layerscope::c10"
    INTERFACE_LINK_OPTIONS "LINKER:--allow-shlib-undefined"
    # After the system's folders: the wheel carries headers of its own fmt, which is another version than ours.
    INTERFACE_COMPILE_OPTIONS
        "SHELL:-idirafter ${LAYERSCOPE_TORCH_DIR}/include;SHELL:-idirafter ${LAYERSCOPE_TORCH_DIR}/include/torch/csrc/api/include")
