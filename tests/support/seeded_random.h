#pragma once

#include <mutex>
#include <random>

#include "reconciler/base/random.h"

namespace slipway {

// Same seed, same numbers.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed = 1) : engine_(seed) {}
  std::uint64_t next() override {
    const std::lock_guard lock(mutex_);
    return engine_();
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace slipway
