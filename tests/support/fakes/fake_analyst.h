#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/ports/analysis.h"

namespace slipway {

// Answers every measurement as it was told to, at once or, while `held`, when asked to go on. Single-threaded.
class FakeAnalyst final : public Analyst {
 public:
  using Done = std::function<void(Measurement)>;

  void measure(MeasurementRequest request, Done done) override {
    asked.push_back(request);
    if (held) {
      waiting.emplace_back(std::move(request), std::move(done));
    } else {
      done(answer(request));
    }
  }

  void release() {
    held = false;
    for (auto& [request, done] : std::exchange(waiting, {})) {
      done(answer(request));
    }
  }
  // As a restart of the controller does: nobody hears of them any more.
  void loseWaiting() { waiting.clear(); }

  std::function<Measurement(const MeasurementRequest&)> answer = [](const MeasurementRequest&) {
    return Measurement{MeasurementResult::Successful, "1", ""};
  };
  bool held = false;
  std::vector<MeasurementRequest> asked;
  std::vector<std::pair<MeasurementRequest, Done>> waiting;
};

}  // namespace slipway
