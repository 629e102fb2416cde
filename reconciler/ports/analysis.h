#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/analysis.h"
#include "reconciler/api/kinds.h"
#include "reconciler/base/json.h"
#include "reconciler/ports/provider.h"

namespace slipway {

struct MeasurementRequest {
  AnalysisMetric metric;
  std::map<std::string, std::string> args;  // what {{args.NAME}} stands for in its texts
  // For a command: the look at the new version on each server that it runs on, a VerifyStep without a command.
  std::vector<StepRequest> servers;
};

struct Measurement {
  MeasurementResult result = MeasurementResult::Error;
  std::string value;    // the number, or "[1, 2]"
  std::string message;  // why there is no judgement: a class and a sentence, "EmptyVector: …"; never what was answered
};

// Measures metrics. Thread-safe, never blocks. A measurement changes nothing and may be repeated.
class Analyst {
 public:
  virtual ~Analyst() = default;
  // Calls `done` exactly once, on any thread, within about the metric's timeout.
  virtual void measure(MeasurementRequest request, std::function<void(Measurement)> done) = 0;
};

}  // namespace slipway
