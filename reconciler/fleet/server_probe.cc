#include "reconciler/fleet/server_probe.h"

#include <algorithm>
#include <atomic>
#include <charconv>

#include "reconciler/base/spread.h"
#include "reconciler/base/strings.h"

namespace slipway::fleet {
namespace {

constexpr int kAtOnce = 16;
constexpr Duration kFull = std::chrono::milliseconds(500);

// Says "cpu N", "memory KB" and "disk KB", what of it can be found out, and always ends well.
constexpr const char* kTellCapacity =
    "echo cpu $(grep -c ^processor /proc/cpuinfo 2>/dev/null); "
    "sed -n 's/^MemTotal: */memory /p' /proc/meminfo 2>/dev/null; "
    "df -Pk / 2>/dev/null | awk 'NR == 2 {print \"disk \" $4}'; exit 0";
constexpr std::size_t kTellLimit = 4096;

ServerCapacity capacityIn(std::string_view text) {
  ServerCapacity out;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    std::int64_t amount = -1;
    if (words.size() < 2 ||
        std::from_chars(words[1].data(), words[1].data() + words[1].size(), amount).ec != std::errc() || amount < 0 ||
        amount > (std::int64_t{1} << 50U)) {
      continue;
    }
    if (words[0] == "cpu" && amount > 0) {
      out.cpuMilli = amount * 1000;
    } else if (words[0] == "memory") {
      out.memory = amount * 1024;
    } else if (words[0] == "disk") {
      out.diskFree = amount * 1024;
    }
  }
  return out;
}

}  // namespace

// Shared with the events of probes under way: they may outlive the probe.
struct ServerProbe::Shared {
  std::atomic<int> running = 0;
};

struct ServerProbe::Asking {
  std::mutex mutex;
  std::int64_t generation = -1;  // of the spec it is about
  SteadyTime next{};
  bool waiting = false;
  std::optional<ServerSight> sight;
  std::shared_ptr<RemoteProcess> process;
};

ServerProbe::ServerProbe(Ports ports) : ports_(std::move(ports)), shared_(std::make_shared<Shared>()) {}

std::optional<ServerSight> ServerProbe::take(const ObjectKey& server) {
  const std::lock_guard lock(mutex_);
  const auto found = asking_.find(server);
  if (found == asking_.end()) {
    return std::nullopt;
  }
  const std::lock_guard inner(found->second->mutex);
  return std::exchange(found->second->sight, std::nullopt);
}

// A server that was never seen, or was changed, is asked at once. One that was seen before a restart keeps its turn.
std::shared_ptr<ServerProbe::Asking> ServerProbe::askingOf(const Server& server) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Asking>& asking = asking_[server.meta.key()];
  if (asking != nullptr && asking->generation == server.meta.generation) {
    return asking;
  }
  const bool restarted = asking == nullptr && server.status.observedGeneration == server.meta.generation;
  asking = std::make_shared<Asking>();
  asking->generation = server.meta.generation;
  asking->next = ports_.clock.steady();
  const Result<WallTime> last = parseTime(server.status.probedAt);
  if (restarted && last) {
    const Duration due = std::chrono::duration_cast<Duration>(*last + server.spec.probeInterval - ports_.clock.wall());
    const Duration spread =
        part(std::min<Duration>(server.spec.probeInterval, std::chrono::seconds(30)), placeOf(server.meta.uid));
    asking->next += std::clamp(due, spread, server.spec.probeInterval);
  }
  return asking;
}

Duration ServerProbe::tend(const Server& server) {
  const Duration interval = server.spec.probeInterval;
  const std::shared_ptr<Asking> asking = askingOf(server);
  {
    const std::lock_guard lock(asking->mutex);
    const Duration left = asking->next - ports_.clock.steady();
    if (asking->waiting || left > Duration(0)) {
      return std::max(left, kFull);
    }
    if (shared_->running >= kAtOnce) {
      return kFull + part(kFull, placeOf(server.meta.uid));
    }
    // A tenth of the interval apart from the last time, so that servers made together do not stay together.
    asking->next = ports_.clock.steady() + interval -
                   part(interval, 0.1 * placeOf(cat(server.meta.uid, formatTime(ports_.clock.wall()))));
    asking->waiting = true;
  }
  ask(server, asking);
  return interval;
}

void ServerProbe::ask(const Server& server, const std::shared_ptr<Asking>& asking) {
  ++shared_->running;
  // What answers late finds nobody when the server was forgotten meanwhile. Were it an owner, a command that never ends
  // would hold its own handle.
  const auto said = std::make_shared<std::string>();
  const auto answered = [said, weak = std::weak_ptr(asking), shared = shared_, &clock = ports_.clock,
                         &metrics = ports_.metrics, wake = ports_.wake, key = server.meta.key()](const Status& status) {
    --shared->running;
    metrics.add("slipway_server_probes_total", {{"result", status ? "ok" : std::string(codeName(status.code()))}});
    std::shared_ptr<RemoteProcess> process;  // let go of outside the lock
    if (const std::shared_ptr<Asking> still = weak.lock(); still != nullptr) {
      const std::lock_guard lock(still->mutex);
      still->waiting = false;
      still->sight = ServerSight{clock.wall(), status, capacityIn(*said)};
      process = std::move(still->process);
    }
    wake(key);
  };
  Result<RemoteTarget> target = ports_.access(server.meta);
  if (!target) {
    answered(target.status());
    return;
  }
  RemoteCommand command;
  command.command = kTellCapacity;
  command.outputLimit = kTellLimit;
  command.deadline = ports_.clock.steady() + server.spec.probeTimeout;
  RemoteEvents events;
  events.output = [said](std::string_view text) { said->append(text); };
  events.exit = [answered](const Result<int>& exit) {
    // Whatever it ended with: we were let in, and a shell answered.
    answered(exit.status());
  };
  std::shared_ptr<RemoteProcess> process = ports_.runner.start(*target, std::move(command), std::move(events));
  const std::lock_guard lock(asking->mutex);
  if (asking->waiting) {
    asking->process = std::move(process);
  }
}

void ServerProbe::forget(const ObjectKey& server) {
  const std::lock_guard lock(mutex_);
  asking_.erase(server);
}

}  // namespace slipway::fleet
