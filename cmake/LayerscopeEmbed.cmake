# layerscope_embed(TARGET NAME ROOT files...): puts the files' bytes into TARGET as
#   std::span<const ls::EmbeddedFile> ls::embedded::NAME();   declared in core/embedded.h
# Paths are relative to ROOT and sorted.
function(layerscope_embed target name root)
    set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded_${name}.cpp)
    set(script ${CMAKE_SOURCE_DIR}/cmake/embed.py)
    set(list ${CMAKE_CURRENT_BINARY_DIR}/embedded_${name}.txt)
    set(files ${ARGN})
    list(SORT files)
    list(JOIN files "\n" content)
    file(CONFIGURE OUTPUT ${list} CONTENT "${content}\n" @ONLY)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    add_custom_command(OUTPUT ${output}
        COMMAND ${Python3_EXECUTABLE} ${script} ${name} ${root} ${list} ${output}
        DEPENDS ${script} ${list} ${files} VERBATIM)
    target_sources(${target} PRIVATE ${output})
endfunction()
