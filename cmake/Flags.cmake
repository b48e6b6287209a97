# One interface target carries the flags, so that they apply to our targets only.
add_library(eh_flags INTERFACE)
target_compile_definitions(eh_flags INTERFACE _GNU_SOURCE)
target_include_directories(eh_flags INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(eh_flags INTERFACE Threads::Threads)
target_compile_options(eh_flags INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wvla -Wpointer-arith
  -fno-strict-aliasing -fno-omit-frame-pointer)

if(EH_WERROR)
  target_compile_options(eh_flags INTERFACE -Werror)
endif()

if(EH_SANITIZE)
  target_compile_options(eh_flags INTERFACE -fsanitize=${EH_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(eh_flags INTERFACE -fsanitize=${EH_SANITIZE})
endif()

if(EH_FUZZ)
  target_compile_options(eh_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(EH_HARDENING)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
  target_compile_options(eh_flags INTERFACE -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  target_link_options(eh_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
