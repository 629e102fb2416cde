#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/analysis.h"
#include "reconciler/api/traffic.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway {

class FieldReader;

enum class StrategyType { Atomic, Recreate, Rolling, BlueGreen, Canary };
std::string_view strategyName(StrategyType type);
enum class OnPartialSwitch { Revert, Hold };
enum class SwitchOrder { Parallel, Sequential };

// A number of servers: so many, or a share of all of them.
struct Amount {
  int value = 1;
  bool percent = false;  // of the servers of the release
  // A share is rounded down, but it is at least one. REQUIRES: total > 0
  std::size_t of(std::size_t total) const;
  // What may be missing: rounded down, none at all when it says so.
  std::size_t roundedDown(std::size_t total) const;
  // What may be there in addition: rounded up, none at all when it says so.
  std::size_t roundedUp(std::size_t total) const;
  bool operator==(const Amount&) const = default;
};

struct RollingSettings {
  Amount batchSize;
  std::optional<Amount> maxUnavailable;  // nothing: as many as a batch has
  Amount maxSurge{0, false};             // servers that run both versions at once; needs slots
  Duration pauseBetween{0};              // between a batch that is verified and the next one
  Duration minReady{0};                  // a verified batch is looked at again after this long
  std::vector<std::string> order;        // these servers first, in this order
  std::string orderByLabel;              // then by the value of this label of the Server
  std::vector<std::string> last;         // these servers last, in this order
  std::string zoneLabel;  // a batch has servers of one zone only: those with the same value of this label
  bool operator==(const RollingSettings&) const = default;
};

// Servers that run one version together, one on each.
struct ServerGroup {
  std::string name;
  std::map<std::string, std::string> matchLabels;  // of its Servers
  bool operator==(const ServerGroup&) const = default;
};

// What becomes of the group that the traffic has left: it gets the new version too, or stays as it is.
enum class OldGroup { Update, Keep };

struct BlueGreenSettings {
  bool autoPromote = true;
  std::optional<Duration> autoPromoteAfter;  // so long after its checks; nothing: at once, or never without autoPromote
  std::string previewRun;                    // a command on every server, against the new colour, before its promotion
  Duration previewTimeout = std::chrono::seconds(30);
  Duration scaleDownDelay = std::chrono::seconds(30);  // the old colour runs on for so long
  AnalysisUse prePromotionAnalysis = {};               // before the traffic moves; no templates: none
  AnalysisUse postPromotionAnalysis = {};              // after it has, while the old colour still runs
  std::vector<ServerGroup> groups = {};                // two, in place of slots; none: each server has both colours
  OldGroup oldGroup = OldGroup::Update;                // with groups, when scaleDownDelay is over
  bool operator==(const BlueGreenSettings&) const = default;
};

// Exactly one of them.
struct CanaryStep {
  enum class Kind { SetWeight, Pause, Analysis, SetScale };
  Kind kind = Kind::SetWeight;
  int weight = 0;                      // percent of traffic
  std::optional<Duration> pause;       // nothing: until somebody promotes
  std::vector<std::string> templates;  // names of AnalysisTemplates
  std::vector<AnalysisArg> args = {};  // values for their arguments
  Amount scale;                        // servers on which the new version runs
  bool operator==(const CanaryStep&) const = default;
};

struct CanarySettings {
  std::vector<CanaryStep> steps;         // the weights never fall
  Amount maxSurge{100, true};            // with slots: servers that run both versions at once
  Amount maxUnavailable{1, false};       // without: servers that are out of service at once
  std::optional<Duration> gradualAbort;  // between the weights on the way back after an abort; nothing: at once
  Duration scaleDownDelay = std::chrono::seconds(30);
  std::optional<Stickiness> stickiness = {};  // while both versions have traffic; nothing: each request for itself
  bool operator==(const CanarySettings&) const = default;
};

// How the servers get from the old release to the new one.
struct Strategy {
  StrategyType type = StrategyType::Atomic;
  OnPartialSwitch onPartialSwitch = OnPartialSwitch::Revert;
  SwitchOrder switchOrder = SwitchOrder::Parallel;
  Duration maxSkew = std::chrono::milliseconds(500);
  Duration switchTimeout = std::chrono::seconds(30);
  std::optional<RollingSettings> rolling;  // each: nothing means the defaults, when the type is its own
  std::optional<BlueGreenSettings> blueGreen;
  std::optional<CanarySettings> canary;
  // Whether whole servers are blue or green, rather than two instances on each.
  bool hasGroups() const { return blueGreen.has_value() && !blueGreen->groups.empty(); }
  bool operator==(const Strategy&) const = default;
};

// Two instances of the application beside one another on each server, each with a release link, a port and a process of
// its own.
struct Slots {
  int bluePort = 0;
  int greenPort = 0;
  int portOf(std::string_view slot) const { return slot == "green" ? greenPort : bluePort; }
  bool operator==(const Slots&) const = default;
};

// The slot that `live` is not; blue when none is live.
std::string otherSlot(const std::string& live);

// Codecs of spec.strategy. What is wrong is told to `parent`.
void readStrategy(const Json* json, Strategy& out, FieldReader& parent);
Json toJson(const Strategy& strategy);

}  // namespace slipway
