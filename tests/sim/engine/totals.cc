#include "tests/sim/engine/totals.h"

#include "reconciler/base/clock.h"
#include "reconciler/base/strings.h"

namespace slipway::sim {

void Totals::add(const Outcome& outcome, const std::string& engine, const std::string& scenario) {
  ++seeds;
  rollouts += outcome.rollouts;
  for (const auto& [end, count] : outcome.ends) {
    ends[end] += count;
  }
  crashes += outcome.crashes;
  for (const Violation& one : outcome.violations) {
    found.push_back({engine, scenario, outcome.seed, one.invariant,
                     formatDuration(one.when.time_since_epoch() - std::chrono::hours(1)), one.what,
                     toText(outcome.fired)});
  }
  for (const FaultFiring& firing : outcome.fired) {
    ++faults[static_cast<std::size_t>(firing.fault)];
  }
  for (std::size_t i = 0; i < checks.size(); ++i) {
    checks[i] += outcome.checks[i];
  }
  for (const auto& [name, count] : outcome.sometimes) {
    sometimes[name] += count;
  }
}

void Totals::add(const Totals& other) {
  seeds += other.seeds;
  rollouts += other.rollouts;
  for (const auto& [end, count] : other.ends) {
    ends[end] += count;
  }
  crashes += other.crashes;
  boundaries += other.boundaries;
  equal += other.equal;
  cpuSeconds += other.cpuSeconds;
  found.insert(found.end(), other.found.begin(), other.found.end());
  for (std::size_t i = 0; i < faults.size(); ++i) {
    faults[i] += other.faults[i];
  }
  for (std::size_t i = 0; i < checks.size(); ++i) {
    checks[i] += other.checks[i];
  }
  for (const auto& [name, count] : other.sometimes) {
    sometimes[name] += count;
  }
}

Json toJson(const Totals& totals) {
  Json out = Json::object({{"seeds", totals.seeds},
                           {"rollouts", totals.rollouts},
                           {"crashes", totals.crashes},
                           {"boundaries", totals.boundaries},
                           {"equal", totals.equal},
                           {"cpuSeconds", totals.cpuSeconds}});
  out["outcomes"] = Json::object();
  for (const auto& [end, count] : totals.ends) {
    out["outcomes"][end] = count;
  }
  out["violations"] = Json::array();
  for (const Found& one : totals.found) {
    out["violations"].push(Json::object({{"engine", one.engine},
                                         {"scenario", one.scenario},
                                         {"seed", one.seed},
                                         {"invariant", cat("I", one.invariant)},
                                         {"time", one.time},
                                         {"what", one.what},
                                         {"faults", one.faults}}));
  }
  out["faults"] = Json::object();
  out["faultsThatDoNotApply"] = Json::object();
  for (const FaultInfo& fault : faultTable()) {
    const std::string name = cat("F", fault.number);
    if (fault.applies()) {
      out["faults"][name] = totals.faults[static_cast<std::size_t>(fault.number)];
    } else {
      out["faultsThatDoNotApply"][name] = cat(fault.name, ": ", fault.note);
    }
  }
  out["invariants"] = Json::object();
  out["invariantsThatDoNotApply"] = Json::object();
  for (const InvariantInfo& one : invariantTable()) {
    const std::string name = cat("I", one.number);
    if (one.applies) {
      out["invariants"][name] = totals.checks[static_cast<std::size_t>(one.number)];
    } else {
      out["invariantsThatDoNotApply"][name] = cat(one.name, ": ", one.note);
    }
  }
  out["sometimes"] = Json::object();
  for (const std::string_view name : sometimesTable()) {
    const auto found = totals.sometimes.find(name);
    out["sometimes"][name] = found == totals.sometimes.end() ? 0 : found->second;
  }
  return out;
}

Totals totalsFromJson(const Json& json) {
  const auto number = [](const Json& from, std::string_view key) {
    return static_cast<std::uint64_t>(from.getInt(key));
  };
  Totals out;
  out.seeds = number(json, "seeds");
  out.rollouts = number(json, "rollouts");
  out.crashes = number(json, "crashes");
  out.boundaries = number(json, "boundaries");
  out.equal = number(json, "equal");
  if (const Json* seconds = json.find("cpuSeconds"); seconds != nullptr && seconds->isNumber()) {
    out.cpuSeconds = seconds->asDouble();
  }
  for (const Json& one : json.find("violations")->asArray()) {
    out.found.push_back({one.getString("engine"), one.getString("scenario"), number(one, "seed"),
                         std::atoi(one.getString("invariant").substr(1).c_str()), one.getString("time"),
                         one.getString("what"), one.getString("faults")});
  }
  for (int i = 1; i <= kFaults; ++i) {
    out.faults[static_cast<std::size_t>(i)] = number(*json.find("faults"), cat("F", i));
  }
  for (int i = 1; i <= kInvariants; ++i) {
    out.checks[static_cast<std::size_t>(i)] = number(*json.find("invariants"), cat("I", i));
  }
  for (const auto& [end, count] : json.find("outcomes")->asObject()) {
    out.ends[end] = static_cast<std::uint64_t>(count.asInt());
  }
  for (const auto& [name, count] : json.find("sometimes")->asObject()) {
    out.sometimes[name] = static_cast<std::uint64_t>(count.asInt());
  }
  return out;
}

}  // namespace slipway::sim
