#pragma once

#include <string_view>

#include "reconciler/base/json.h"
#include "reconciler/base/status.h"

namespace slipway::apiserver {

// Decodes a Kubernetes protobuf body (the bytes "k8s\0" and a runtime.Unknown) of a built-in kind into the object its
// JSON form would have been, with apiVersion and kind from the envelope. Unknown fields are skipped. Invalid on
// malformed bytes, an unknown kind, nesting over 64 levels or more than 100,000 values.
Result<Json> decodeProtobuf(std::string_view body);

}  // namespace slipway::apiserver
