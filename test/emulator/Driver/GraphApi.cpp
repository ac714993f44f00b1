// Graphs of captured work: made executable, launched, changed, destroyed.
#include "Driver.h"

#include <algorithm>

using namespace gqa::emulator;

namespace {
Driver &driver() { return Driver::get(); }

bool allocates(const std::vector<Operation> &operations) {
  return std::any_of(operations.begin(), operations.end(),
                     [](const Operation &operation) { return operation.kind == Operation::Allocate; });
}

CUresult instantiate(CUgraphExec *exec, CUgraph graph, unsigned long long flags) {
  if (!exec || flags & ~CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH)
    return CUDA_ERROR_INVALID_VALUE;
  if (allocates(graph->operations) && graph->memory->instances)
    return CUDA_ERROR_NOT_SUPPORTED;
  ++graph->memory->instances;
  auto made = std::make_unique<CUgraphExec_st>(CUgraphExec_st{graph->operations, graph->memory, flags != 0});
  *exec = made.get();
  driver().graphExecs[*exec] = std::move(made);
  return CUDA_SUCCESS;
}

/// Memory of the last launch that was not freed, by the graph or since.
CUresult takeBack(const CUgraphExec_st &exec) {
  Driver &d = driver();
  for (const Operation &operation : exec.operations)
    if (operation.kind == Operation::Allocate && d.isDevice(operation.address, 1)) {
      if (!exec.freesOnLaunch)
        return CUDA_ERROR_INVALID_VALUE;
      d.release(operation.address);
    }
  return CUDA_SUCCESS;
}

CUresult launch(const CUgraphExec_st &exec, CUstream stream) {
  std::shared_ptr<Capture> capture;
  CUresult result = driver().findCapture(stream, capture);
  if (capture) // a graph in a graph
    return CUDA_ERROR_NOT_SUPPORTED;
  if (result == CUDA_SUCCESS)
    result = takeBack(exec);
  for (const Operation &operation : exec.operations)
    if (result == CUDA_SUCCESS)
      result = operation.run();
  driver().report("{\"event\": \"graph\", \"operations\": " + std::to_string(exec.operations.size()) + "}");
  return result;
}

/// Why the graph cannot take the place of what an executable one does.
int compare(const CUgraphExec_st &exec, const CUgraph_st &graph) {
  if (allocates(exec.operations) || allocates(graph.operations))
    return CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED;
  if (exec.operations.size() != graph.operations.size())
    return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  bool same = std::equal(exec.operations.begin(), exec.operations.end(), graph.operations.begin(),
                         [](const Operation &a, const Operation &b) { return a.kind == b.kind; });
  return same ? CU_GRAPH_EXEC_UPDATE_SUCCESS : CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
}

} // namespace

EMULATOR_API CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph,
                                                  unsigned long long flags) {
  return driver().call("cuGraphInstantiateWithFlags", Needs::Context, [&] {
    return driver().graphs.count(graph) ? instantiate(exec, graph, flags) : CUDA_ERROR_INVALID_HANDLE;
  });
}

EMULATOR_API CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  return driver().call("cuGraphLaunch", Needs::Context, [&] {
    return driver().graphExecs.count(exec) ? launch(*exec, stream) : CUDA_ERROR_INVALID_HANDLE;
  });
}

EMULATOR_API CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph,
                                           CUgraphExecUpdateResultInfo *info) {
  return driver().call("cuGraphExecUpdate_v2", Needs::Context, [&] {
    if (!driver().graphExecs.count(exec) || !driver().graphs.count(graph))
      return CUDA_ERROR_INVALID_HANDLE;
    if (!info)
      return CUDA_ERROR_INVALID_VALUE;
    *info = {compare(*exec, *graph), nullptr, nullptr};
    if (info->result != CU_GRAPH_EXEC_UPDATE_SUCCESS)
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    exec->operations = graph->operations;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuGraphExecDestroy(CUgraphExec exec) {
  return driver().call("cuGraphExecDestroy", Needs::Context, [&] {
    if (!driver().graphExecs.count(exec))
      return CUDA_ERROR_INVALID_HANDLE;
    --exec->memory->instances;
    driver().graphExecs.erase(exec);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuGraphDestroy(CUgraph graph) {
  return driver().call("cuGraphDestroy", Needs::Context, [&] {
    return driver().graphs.erase(graph) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  });
}
