# What every target of ours shares: warnings as errors, no Qt keyword macros, sanitizers, our include root.

add_library(layerscope_options INTERFACE)
target_compile_options(layerscope_options INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> # false positives of gcc 12 inside std::variant
    $<$<CXX_COMPILER_ID:GNU>:-Wno-dangling-pointer>
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_compile_definitions(layerscope_options INTERFACE QT_NO_KEYWORDS LAYERSCOPE_VERSION="${PROJECT_VERSION}")
target_include_directories(layerscope_options INTERFACE ${CMAKE_SOURCE_DIR})
if(LAYERSCOPE_SANITIZE)
    # A finding ends the program: a fuzzer or a test would go on after a line on stderr.
    target_compile_options(layerscope_options INTERFACE -fsanitize=${LAYERSCOPE_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    target_link_options(layerscope_options INTERFACE -fsanitize=${LAYERSCOPE_SANITIZE})
endif()

find_program(LAYERSCOPE_CCACHE ccache)
if(LAYERSCOPE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Another checkout of the same source shares the cache: paths below the checkout are made relative.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
        CCACHE_SLOPPINESS=pch_defines,time_macros ${LAYERSCOPE_CCACHE})
endif()

# layerscope_library(NAME DIRS... LINK libs...): a static library of all .cpp files in the given folders
# (CONFIGURE_DEPENDS: a new file is seen by the next build).
function(layerscope_library name)
    cmake_parse_arguments(ARG "" "" "DIRS;LINK;PRIVATE_LINK" ${ARGN})
    set(sources)
    foreach(dir IN LISTS ARG_DIRS)
        file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/*.h)
        list(APPEND sources ${found})
    endforeach()
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC layerscope_options ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
endfunction()
