# Finds the third-party prefix that scripts/prefix.sh builds. Never builds it: configure stays quick and offline.
#   BX_PREFIX_PATH  where it belongs for the pins and the toolchain of now
#   BX_PREFIX       the same when it is there and whole, else empty
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/prefix.sh --path
                OUTPUT_VARIABLE BX_PREFIX_PATH OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
if(failed)
    set(BX_PREFIX_PATH "")
endif()
set(BX_PREFIX "")
if(BX_PREFIX_PATH AND EXISTS ${BX_PREFIX_PATH}/manifest)
    set(BX_PREFIX ${BX_PREFIX_PATH})
endif()
