#pragma once

#include <string>

#include "reconciler/apiserver/forms/negotiation.h"
#include "reconciler/apiserver/forms/resource_info.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway::apiserver {

struct Presentation {
  ResponseFormat format;
  std::string includeObject;      // parameter of that name: empty or Metadata, Object, None
  bool columnDefinitions = true;  // in a watch only the first Table has them
  WallTime now;                   // ages count up to here
};

// An object or a list of the resource in the form the client asked for; returned as it is for Transform::None. A list
// is known by its kind; a Status stays one.
Json present(const ResourceInfo& resource, Json value, const Presentation& presentation);

// kubectl's words for a time span: "5s", "3m", "2h15m", "4d", "1y30d".
std::string humanDuration(Duration duration);

}  // namespace slipway::apiserver
