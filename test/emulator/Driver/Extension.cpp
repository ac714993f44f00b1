#include "Extension.h"

#include "Driver.h"

using namespace gqa::emulator;

EMULATOR_API CUresult cuEmulatorQueue(CUstream stream, const Work &work) {
  Driver &d = Driver::get();
  return d.call("cuEmulatorQueue", Needs::Context, [&] {
    return d.queue(stream, {Operation::Library, [work, &d] {
                              std::optional<Fault> fault = work.run(*d.memory);
                              d.report("{\"event\": \"work\", \"name\": " + quoted(work.name) + ", " +
                                       work.facts + "}");
                              return fault ? d.fail(fault->kind, work.name, fault->what()) : CUDA_SUCCESS;
                            }});
  });
}

EMULATOR_API CUresult cuEmulatorMayWait() {
  return Driver::get().call("cuEmulatorMayWait", Needs::NoCapture, [] { return CUDA_SUCCESS; });
}
