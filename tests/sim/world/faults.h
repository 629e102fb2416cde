#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/base/status.h"
#include "tests/sim/world/timeline.h"

namespace slipway::sim {

inline constexpr int kFaults = 64;

// One row of the catalogue: F1 to F64 of the test plan.
struct FaultInfo {
  int number = 0;
  std::string_view name;
  // Per opportunity; 0 when it does not apply.
  double highest = 0;
  // Where it strikes, or why it does not apply yet.
  std::string_view note;
  bool applies() const { return highest > 0; }
};
const std::array<FaultInfo, kFaults>& faultTable();

// One fault that struck: the n-th opportunity of fault F.
struct FaultFiring {
  int fault = 0;
  std::uint64_t nth = 0;
  auto operator<=>(const FaultFiring&) const = default;
};
// "F2@17,F38@5", and back.
std::string toText(const std::vector<FaultFiring>& firings);
Result<std::vector<FaultFiring>> firingsFromText(std::string_view text);

// Decides at each opportunity whether a fault strikes. A decision depends on the seed, the fault and the number of the
// opportunity alone, so that leaving one fault out changes no other decision: that is what makes shrinking work.
class Faults {
 public:
  // None strikes.
  Faults() = default;
  // A random subset of the faults, each with a rate of its own.
  static Faults swarm(std::uint64_t seed);
  // Exactly these.
  static Faults scripted(std::uint64_t seed, std::vector<FaultFiring> firings);

  // Asked at each opportunity of a scripted run that its script says nothing of; true: it strikes after all. So an
  // engine can let a run go both ways where it could.
  using Ask = std::function<bool(const FaultFiring&)>;
  void setAsk(Ask ask) { ask_ = std::move(ask); }

  // Counts an opportunity. At most one fault of a site strikes: ask for them one after another.
  bool strikes(int fault);
  // A number for the details of the fault that struck last.
  std::uint64_t detail() const { return detail_; }
  // The quiet phase: opportunities are counted, nothing strikes.
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

  std::uint64_t opportunities(int fault) const { return seen_[static_cast<std::size_t>(fault)]; }
  const std::vector<FaultFiring>& fired() const { return fired_; }
  bool struck(int fault) const {
    return std::any_of(fired_.begin(), fired_.end(), [&](const FaultFiring& one) { return one.fault == fault; });
  }
  bool enabled(int fault) const { return scripted_ || rates_[static_cast<std::size_t>(fault)] > 0; }

 private:
  std::uint64_t seed_ = 0;
  bool scripted_ = false;
  bool stopped_ = false;
  std::uint64_t detail_ = 0;
  std::array<double, kFaults + 1> rates_{};
  std::array<std::uint64_t, kFaults + 1> seen_{};
  std::vector<FaultFiring> script_;  // sorted
  std::vector<FaultFiring> fired_;
  Ask ask_;
};

}  // namespace slipway::sim
