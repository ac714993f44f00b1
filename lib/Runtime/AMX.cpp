// Permission to use tile registers: their state is large, so that Linux saves it only for processes that ask.
#include "gqa/Runtime/Runtime.h"

#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>

int gqa_rt_request_amx(void) {
  constexpr int kRequestPermission = 0x1023, kTileData = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
}
#else
int gqa_rt_request_amx(void) { return 0; }
#endif
