#include "tests/sim/world/faults.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "reconciler/base/strings.h"

namespace slipway::sim {
namespace {

constexpr std::string_view kStoreImages = "covered on the real store file by the crash images, not here";
constexpr std::string_view kNoProvider = "no provider of this kind exists yet";

constexpr std::array<FaultInfo, kFaults> kTable{{
    {1, "crash before an effect", 0.02, "each write of a controller, each command sent, each fetch"},
    {2, "crash after an effect and before its reply", 0.02, "each write of a controller, each command sent"},
    {3, "crash after a reply and before the journal", 0.02, "each end of a command"},
    {4, "crash during recovery", 0.3, "soon after a restart, at any of the effects above"},
    {5, "crash loop", 0.2, "a restarted process dies again at once, several times"},
    {6, "pause past lease expiry", 0.002, "the control loop stands still for 35 to 300 s, while commands go on"},
    {7, "two leaders", 1.0, "a second control loop with another name on the same API"},
    {8, "out of memory", 0, "the process ends as in F1: its allocations are not counted here"},
    {9, "out of descriptors", 0, "the simulated adapters have none; the real ones are tested in tests/integration"},
    {10, "slow start", 0.3, "a restart takes up to two minutes"},
    {11, "old binary and new journal", 0, "there is one release of the format so far"},
    {12, "event dropped", 0.01, "a watch loses an event, and ends within a minute, as a broken connection does"},
    {13, "event delayed", 0.05, "up to 30 s, with everything behind it"},
    {14, "event duplicated", 0.05, "each event of a watch"},
    {15, "events coalesced", 0.05, "two changes of one object arrive as one"},
    {16, "watch closed", 0.01, "the stream ends as expired"},
    {17, "gone", 0.05, "opening a watch answers Expired"},
    {18, "lagging replica after restart", 0.2, "the first lists after a restart answer what was listed before it"},
    {19, "list older than a watch", 0.1, "the list after a lost watch answers what was listed before that"},
    {20, "conflict on write", 0.02, "a controller's write is refused though the version is right"},
    {21, "write done but error answered", 0.02, "a controller's write"},
    {22, "429 and 503", 0.02, "a controller's write or read"},
    {23, "another actor edits or deletes", 0.3, "runs, leases, secrets, links on servers, at random times"},
    {24, "object re-created with the same name", 0.3, "releases and servers, at random times"},
    {25, "torn write", 0, kStoreImages},
    {26, "lost un-synced tail", 0.01, "crash while a commit is being synced: the batch is wholly there or not"},
    {27, "reorder between syncs", 0, kStoreImages},
    {28, "sync error", 0.005, "the store fails for good, the process ends; what was written may be there"},
    {29, "disk full at byte n", 0, kStoreImages},
    {30, "bit flip in a record", 0, kStoreImages},
    {31, "status field edited", 0.1, "a person erases the status of a release"},
    {32, "owner, uid or selector edited", 0.1, "a person changes the labels that select servers"},
    {33, "file lost or from a backup", 0, kStoreImages},
    {34, "read-only remount", 0, "to the process the same as F28"},
    {35, "refused, black hole, reset", 0.05, "each command sent"},
    {36, "host key changed", 0.005, "each command sent"},
    {37, "authentication refused", 0.005, "each command sent"},
    {38, "command done but channel lost", 0.03, "each command sent: the last words do not arrive"},
    {39, "garbage and flood", 0.02, "each command sent: a login script prints before the script does"},
    {40, "disk full, read-only, planted file, reboot", 0.3, "each server, at random times"},
    {41, "starts slowly", 0.1, "each switch of a server"},
    {42, "healthy then not", 0.02, "each health check"},
    {43, "healthy but wrong version", 0, "HTTP checks do not ask for a version yet"},
    {44, "ignores stop", 0.1, "the stop command of an application hangs, longer than it may or not"},
    {45, "leaks until killed", 0, "applications have no memory here"},
    {46, "fails only in mixed versions", 0.1, "health checks while servers differ"},
    {47, "migration half done", 0.02, "the server goes down while a build step runs"},
    {48, "throttling", 0, kNoProvider},
    {49, "eventual consistency", 0, kNoProvider},
    {50, "duplicate delivery", 0, kNoProvider},
    {51, "task never schedules", 0, kNoProvider},
    {52, "Swarm version conflict", 0, kNoProvider},
    {53, "target group never healthy", 0, kNoProvider},
    {54, "quota", 0, kNoProvider},
    {55, "no data, stale, NaN", 0.3,
     "each measurement of an analysis: nothing, null, or text where the number should be"},
    {56, "metrics down at verdict time", 0.3, "each measurement of an analysis: refused, silent, or 503"},
    {57, "branch deleted, force push, empty tree", 0.05, "each fetch"},
    {58, "slow or corrupt fetch", 0.1, "each fetch"},
    {59, "moved tag", 0.1, "each resolution of a reference"},
    {60, "wall clock jumps", 0.3, "at random times, by up to a year either way"},
    {61, "monotonic pause", 0.002, "the whole process stands still for up to 20 s"},
    {62, "partition", 0.3, "servers cannot be reached for a while, at random times"},
    {63, "latency", 0.05, "each connection: up to 10 s"},
    {64, "DNS wrong", 0.003, "each connection: another machine answers, with another key"},
}};

}  // namespace

const std::array<FaultInfo, kFaults>& faultTable() { return kTable; }

std::string toText(const std::vector<FaultFiring>& firings) {
  std::vector<std::string> parts;
  parts.reserve(firings.size());
  for (const FaultFiring& one : firings) {
    parts.push_back(cat("F", one.fault, "@", one.nth));
  }
  return join(parts, ",");
}

Result<std::vector<FaultFiring>> firingsFromText(std::string_view text) {
  std::vector<FaultFiring> out;
  for (const std::string& part : split(text, ',')) {
    if (part.empty() || part == "none") {
      continue;
    }
    FaultFiring one;
    const std::size_t at = part.find('@');
    const char* end = part.data() + part.size();
    if (part[0] != 'F' || at == std::string::npos ||
        std::from_chars(part.data() + 1, part.data() + at, one.fault).ptr != part.data() + at ||
        std::from_chars(part.data() + at + 1, end, one.nth).ptr != end || one.fault < 1 || one.fault > kFaults) {
      return Status(Code::Invalid, cat("\"", part, "\" is no fault: write F2@17 for the 17th opportunity of F2"));
    }
    out.push_back(one);
  }
  return out;
}

Faults Faults::swarm(std::uint64_t seed) {
  Faults out;
  out.seed_ = seed;
  Dice dice(Dice::mix(seed ^ 0x5eed));
  // Some seeds have no fault at all: what fails there fails for everybody.
  const double share = dice.chance(0.1) ? 0 : dice.chance(0.5) ? 0.15 : 0.4;
  for (const FaultInfo& fault : kTable) {
    const bool in = dice.chance(share);
    const double rate = fault.highest * std::exp(-std::log(30.0) * Dice::unit(dice.next()));
    if (in && fault.applies()) {
      out.rates_[static_cast<std::size_t>(fault.number)] = rate;
    }
  }
  return out;
}

Faults Faults::scripted(std::uint64_t seed, std::vector<FaultFiring> firings) {
  Faults out;
  out.seed_ = seed;
  out.scripted_ = true;
  std::sort(firings.begin(), firings.end());
  out.script_ = std::move(firings);
  return out;
}

bool Faults::strikes(int fault) {
  const auto at = static_cast<std::size_t>(fault);
  const std::uint64_t nth = ++seen_[at];
  if (stopped_) {
    return false;
  }
  const std::uint64_t dice = Dice::mix(Dice::mix(seed_ + at * 0x9e3779b97f4a7c15ULL) + nth);
  const FaultFiring firing{fault, nth};
  const bool hit = scripted_ ? std::binary_search(script_.begin(), script_.end(), firing) || (ask_ && ask_(firing))
                             : Dice::unit(dice) < rates_[at];
  if (hit) {
    detail_ = Dice::mix(dice);
    fired_.push_back(firing);
  }
  return hit;
}

}  // namespace slipway::sim
