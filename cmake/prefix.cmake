# Finds the third-party prefix that scripts/prefix.sh builds. Never builds it: configure stays quick and offline.
#   BX_PREFIX_PATH  where it belongs for the pins and the toolchain of now
#   BX_PREFIX       the same when it is there and whole, else empty
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/prefix.sh --path
                OUTPUT_VARIABLE BX_PREFIX_PATH OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
if(failed)
    set(BX_PREFIX_PATH "")
endif()
set(BX_PREFIX "")
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/prefix.sh --check RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
if(NOT failed)
    set(BX_PREFIX ${BX_PREFIX_PATH})
endif()
# A change of what the prefix is made of is a change of its path.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             third_party/Cargo.toml third_party/Cargo.lock third_party/engine.rs scripts/prefix.sh scripts/prefix-recipe.sh scripts/kept.sh scripts/tools.sh)
