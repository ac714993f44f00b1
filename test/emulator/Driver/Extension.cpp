#include "Extension.h"

#include "Driver.h"

using namespace gqa::emulator;

EMULATOR_API CUresult cuEmulatorQueue(CUstream stream, const Work &work) {
  Driver &d = Driver::get();
  return d.call("cuEmulatorQueue", Needs::Context, [&] {
    if (!d.isStream(stream))
      return CUDA_ERROR_INVALID_HANDLE;
    std::optional<Fault> fault = work.run(*d.memory);
    d.report("{\"event\": \"work\", \"name\": " + quoted(work.name) + ", " + work.facts + "}");
    return fault ? d.fail(fault->kind, work.name, fault->what()) : CUDA_SUCCESS;
  });
}
