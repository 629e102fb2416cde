#pragma once

#include "reconciler/api/operation.h"
#include "reconciler/ports/provider.h"
#include "reconciler/ports/server_operator.h"
#include "reconciler/release/operations/operation_scope.h"

namespace slipway::release {

// Why the release cannot have that done at all; ok when it can. Pure.
Status checkOperation(const OperationSpec& spec, const OperationScope& scope);

// Whether the server is looked at first: what is done depends on the release and the slot that are live there.
bool looksFirst(const OperationSpec& spec);

// What is done on a server that was looked at, with how long it may take. Invalid, NotFound: it cannot be done there.
struct OperationAct {
  std::variant<ProcessStep, ServerOperation> action;
  Duration time;
};
Result<OperationAct> actFor(const OperationSpec& spec, const OperationScope& scope, const OperationTarget& target);

// How many servers at a time.
std::size_t operationWidth(const OperationSpec& spec, const OperationScope& scope);

// "Process\tpid=4711\trelease=1.2.0".
OperationFact factFromLine(std::string_view line);

}  // namespace slipway::release
