#include "cmd/slipway/views/release_lists.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "cmd/slipway/views/text_table.h"
#include "reconciler/api/run.h"
#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

// The server's record of one run.
struct Visit {
  const Json* run = nullptr;
  const Json* target = nullptr;
  std::string created;
  std::int64_t number = 0;
};

std::string stepState(const Json& target, StepKind kind) { return textAt(target, {"steps", stepName(kind), "state"}); }

std::int64_t numberOf(const std::string& runName) {
  const std::size_t dash = runName.rfind('-');
  const std::string digits = dash == std::string::npos ? "" : runName.substr(dash + 1);
  const bool numeric =
      !digits.empty() && digits.size() < 18 && digits.find_first_not_of("0123456789") == std::string::npos;
  return numeric ? std::stoll(digits) : 0;
}

using Place = std::tuple<std::string, std::string, std::string>;  // server, release, environment

std::map<Place, std::vector<Visit>> visitsByPlace(const std::vector<ObjectPtr>& runs, const PlacedFilter& filter) {
  std::map<Place, std::vector<Visit>> places;
  for (const ObjectPtr& run : runs) {
    const Json* targets = run->at({"status", "targets"});
    const bool ofRelease = filter.release.empty() || textAt(*run, {"spec", "releaseRef", "name"}) == filter.release;
    if (!ofRelease || targets == nullptr || !targets->isArray()) {
      continue;
    }
    for (const Json& target : targets->asArray()) {
      const bool wanted = (filter.destination.empty() || target.getString("destination") == filter.destination) &&
                          (filter.server.empty() || target.getString("name") == filter.server);
      if (!wanted || target.getBool("gone")) {
        continue;
      }
      std::string environment = textAt(*run, {"spec", "template", "layout", "environment"});
      places[{target.getString("name"), textAt(*run, {"spec", "releaseRef", "name"}),
              environment.empty() ? "production" : environment}]
          .push_back({run.get(), &target, textAt(*run, {"metadata", "creationTimestamp"}),
                      numberOf(textAt(*run, {"metadata", "name"}))});
    }
  }
  for (auto& [place, visits] : places) {
    std::sort(visits.begin(), visits.end(), [](const Visit& left, const Visit& right) {
      return std::tie(left.created, left.number) > std::tie(right.created, right.number);
    });
  }
  return places;
}

std::string stateAfter(const Visit& visit, const std::string& current, const std::string& previous) {
  const std::string version = textAt(*visit.run, {"spec", "version"});
  if (version == current) {
    return "Current";
  }
  if (version == previous) {
    return "Previous";
  }
  if (stepState(*visit.target, StepKind::Undo) == "Done") {
    return "Undone";
  }
  return stepState(*visit.target, StepKind::Prepare) == "Done" ? "Prepared" : "Failed";
}

// What the links point to after the newest run that moved them: current, previous.
std::pair<std::string, std::string> linksOf(const std::vector<Visit>& visits) {
  for (const Visit& visit : visits) {
    if (stepState(*visit.target, StepKind::Switch) == "Done") {
      const std::string before = visit.target->getString("before");
      return stepState(*visit.target, StepKind::Undo) == "Done"
                 ? std::pair(before, std::string())
                 : std::pair(textAt(*visit.run, {"spec", "version"}), before);
    }
  }
  return {visits.front().target->getString("before"), ""};
}

}  // namespace

std::string historyText(const Json& release, WallTime now) {
  TextTable table({"VERSION", "OUTCOME", "RUN", "REVISION", "ENDED", "NOTE"});
  const std::string applied = textAt(release, {"status", "versions", "applied"});
  bool liveNamed = false;
  const Json* history = release.at({"status", "history"});
  if (history != nullptr && history->isArray()) {
    for (const Json& entry : history->asArray()) {
      std::string note;
      const bool live =
          !liveNamed && entry.getString("version") == applied && entry.getString("outcome") == "Completed";
      liveNamed = liveNamed || live;
      if (entry.getBool("bad")) {
        note = cat("bad: ", entry.getString("badReason"));
      } else if (live) {
        note = "live";
      }
      if (const std::string analysis = entry.getString("analysis"); !analysis.empty()) {
        note += cat(note.empty() ? "" : "; ", "analysis: ", analysis);
      }
      const std::string age = ageOf(entry.getString("finishedAt"), now);
      table.add({entry.getString("version"), entry.getString("outcome"), entry.getString("run"),
                 entry.getString("revision"), age == "-" ? age : age + " ago", note});
    }
  }
  return table.text();
}

std::vector<PlacedRelease> placedReleases(const std::vector<ObjectPtr>& runs, const PlacedFilter& filter) {
  std::vector<PlacedRelease> out;
  for (const auto& [place, visits] : visitsByPlace(runs, filter)) {
    const auto& [server, release, environment] = place;
    const auto [current, previous] = linksOf(visits);
    const Json* keep = visits.front().run->at({"spec", "template", "layout", "keepReleases"});
    const std::size_t limit = keep != nullptr && keep->isInt() ? static_cast<std::size_t>(keep->asInt()) : 5;
    std::vector<std::string> seen;
    for (const Visit& visit : visits) {
      std::string version = textAt(*visit.run, {"spec", "version"});
      if (std::find(seen.begin(), seen.end(), version) != seen.end() ||
          stepState(*visit.target, StepKind::Prepare).empty()) {
        continue;
      }
      const std::string state = stateAfter(visit, current, previous);
      seen.push_back(version);
      if (seen.size() <= limit || state == "Current" || state == "Previous") {
        out.push_back({server, visit.target->getString("destination"), release, environment, std::move(version), state,
                       textAt(*visit.run, {"metadata", "name"}), visit.created});
      }
    }
  }
  return out;
}

std::string placedText(const std::vector<PlacedRelease>& placed, WallTime now) {
  TextTable table({"SERVER", "RELEASE", "ENVIRONMENT", "VERSION", "STATE", "RUN", "AGE"});
  for (const PlacedRelease& one : placed) {
    table.add({one.server, one.release, one.environment, one.version, one.state, one.run, ageOf(one.since, now)});
  }
  return table.text();
}

Json placedJson(const std::vector<PlacedRelease>& placed) {
  Json out = Json::array();
  for (const PlacedRelease& one : placed) {
    out.push(Json::object({{"server", one.server},
                           {"destination", one.destination},
                           {"release", one.release},
                           {"environment", one.environment},
                           {"version", one.version},
                           {"state", one.state},
                           {"run", one.run},
                           {"since", one.since}}));
  }
  return out;
}

}  // namespace slipway::cli
