#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reconciler/api/run.h"

namespace slipway {

// A run over servers web1 … webN, freshly made.
inline ReleaseRun runOver(int servers, StrategyType type = StrategyType::Atomic) {
  ReleaseRun run;
  run.meta.name = "shop-1";
  run.meta.ns = "default";
  run.meta.uid = "run-uid";
  run.spec.release = "shop";
  run.spec.version = "2.0.0";
  run.spec.spec.strategy.type = type;
  run.spec.spec.layout.root = "/srv/shop";
  for (int i = 1; i <= servers; ++i) {
    RunTarget target;
    target.name = "web" + std::to_string(i);
    target.destination = "web";
    run.status.targets.push_back(std::move(target));
  }
  return run;
}

inline StepRecord& record(ReleaseRun& run, std::size_t target, StepKind kind) {
  return run.status.targets[target].steps[kind];
}

inline void setAll(ReleaseRun& run, StepKind kind, StepState state) {
  for (std::size_t i = 0; i < run.status.targets.size(); ++i) {
    record(run, i, kind).state = state;
    record(run, i, kind).attempt = 1;
    record(run, i, kind).tries = 1;
  }
}

inline void fail(ReleaseRun& run, std::size_t target, StepKind kind, Code code, int tries = 100) {
  StepRecord& one = record(run, target, kind);
  one.state = StepState::Failed;
  one.code = std::string(codeName(code));
  one.attempt = 1;
  one.tries = tries;
  one.phase = "part";
  one.message = "it broke";
}

}  // namespace slipway
