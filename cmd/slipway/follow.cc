#include "cmd/slipway/follow.h"

#include <algorithm>

#include "cmd/slipway/views/text_table.h"
#include "reconciler/api/run.h"
#include "reconciler/base/strings.h"
#include "reconciler/client/resource_watch.h"

namespace slipway::cli {
namespace {

constexpr auto kTick = std::chrono::milliseconds(200);
constexpr auto kStartWait = std::chrono::seconds(10);

const Json* conditionOf(const Json& release, std::string_view type) {
  const Json* conditions = release.at({"status", "conditions"});
  if (conditions != nullptr && conditions->isArray()) {
    for (const Json& condition : conditions->asArray()) {
      if (condition.getString("type") == type) {
        return &condition;
      }
    }
  }
  return nullptr;
}

bool isTrue(const Json& release, std::string_view type) {
  const Json* condition = conditionOf(release, type);
  return condition != nullptr && condition->getString("status") == "True";
}

std::string nameIn(const Json& object) {
  const Json* meta = object.find("metadata");
  return meta == nullptr ? std::string() : meta->getString("name");
}

// Cut to the terminal's width, so that a line of the tree is a line of the screen.
std::string fitted(const std::string& line, int columns) {
  std::string out;
  int width = 0;
  bool escape = false;
  for (const char byte : line) {
    const auto value = static_cast<unsigned char>(byte);
    if (value == 0x1b) {
      escape = true;
    }
    if (!escape && (value & 0xC0U) != 0x80U && ++width > columns - 1) {
      return out + "\x1b[0m";
    }
    out += byte;
    escape = escape && byte != 'm';
  }
  return out;
}

// A line of the tree without what draws the tree.
std::string withoutBranches(std::string_view line) {
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view piece : {"├─ ", "└─ ", "│  ", "|- ", "`- ", "|  ", "   "}) {
      if (line.starts_with(piece)) {
        line.remove_prefix(piece.size());
        more = true;
      }
    }
  }
  return std::string(line);
}

class Screen {
 public:
  explicit Screen(Context& context) : context_(context) {}

  void show(const std::vector<std::string>& lines) {
    if (!context_.terminalOut()) {
      append(lines);
      return;
    }
    std::string text = shown_.empty() ? "" : cat("\x1b[", shown_.size(), "A");
    for (const std::string& line : lines) {
      text += "\x1b[2K" + fitted(line, context_.columns()) + "\n";
    }
    text += "\x1b[J";
    context_.write(text);
    shown_ = lines;
  }

 private:
  // A log: the tree once, then what changed in it, with the time.
  void append(const std::vector<std::string>& lines) {
    const bool first = shown_.empty();
    const std::string now = formatTime(context_.clock().wall());
    std::vector<std::string> bare;
    for (const std::string& line : lines) {
      bare.push_back(withoutBranches(line));
      if (first) {
        context_.write(line + "\n");
      } else if (std::find(shown_.begin(), shown_.end(), bare.back()) == shown_.end()) {
        context_.write(cat(now, "  ", bare.back(), "\n"));
      }
    }
    shown_ = std::move(bare);
  }

  Context& context_;
  std::vector<std::string> shown_;
};

// What is known of a release while it is watched.
class Follower {
 public:
  Follower(Context& context, client::ApiClient& api, const ObjectKey& key, const FollowOptions& options)
      : context_(context),
        options_(options),
        screen_(context),
        key_(key),
        releases_(api, context.clock(), kRelease, key),
        runs_(api, context.clock(), kReleaseRun, {key.ns, ""}, cat(kGroup, "/release=", key.name.substr(0, 63))) {}

  int run();

 private:
  Status drain(client::ResourceWatch& watch, Duration timeout, bool release);
  void take(const WatchEvent& event, bool release);
  void show();
  int finish(Standing standing);
  const Json* newestRun() const;
  Standing standing() const;

  Context& context_;
  const FollowOptions& options_;
  Screen screen_;
  const ObjectKey key_;
  client::ResourceWatch releases_;
  client::ResourceWatch runs_;
  const SteadyTime started_;
  ObjectPtr release_;
  bool gone_ = false;
  std::vector<ObjectPtr> knownRuns_;
  bool changed_ = false;
};

void Follower::take(const WatchEvent& event, bool release) {
  changed_ = true;
  const bool deleted = event.type == WatchEvent::Type::Deleted;
  if (release) {
    release_ = event.object;
    gone_ = deleted;
    return;
  }
  const std::string name = nameIn(*event.object);
  std::erase_if(knownRuns_, [&](const ObjectPtr& known) { return nameIn(*known) == name; });
  if (!deleted) {
    knownRuns_.push_back(event.object);
  }
}

Status Follower::drain(client::ResourceWatch& watch, Duration timeout, bool release) {
  Duration wait = timeout;
  while (true) {
    auto event = watch.next(wait);
    if (!event) {
      return event.status();
    }
    if (!*event) {
      return Status::ok();
    }
    take(**event, release);
    wait = Duration(0);
  }
}

const Json* Follower::newestRun() const {
  const Json* newest = nullptr;
  std::pair<std::string, std::size_t> highest;
  for (const ObjectPtr& known : knownRuns_) {
    const std::string name = nameIn(*known);
    const Json* created = known->at({"metadata", "creationTimestamp"});
    // Names of one release's runs differ in the number at their end alone.
    std::pair<std::string, std::size_t> rank{created == nullptr ? "" : created->asString(), name.size()};
    if (newest == nullptr || rank > highest || (rank == highest && name > nameIn(*newest))) {
      highest = std::move(rank);
      newest = known.get();
    }
  }
  return newest;
}

Standing Follower::standing() const {
  if (!options_.afterRun) {
    return standingOf(*release_);
  }
  const Json* run = newestRun();
  if (run != nullptr && nameIn(*run) != *options_.afterRun) {
    return standingOfRun(*run, options_.backIsGood);
  }
  // The run that was asked for may never start.
  const bool late = context_.clock().steady() - started_ > kStartWait;
  return late && standingOf(*release_) == Standing::Failed ? Standing::Failed : Standing::Progressing;
}

void Follower::show() {
  const Json* status = release_->find("status");
  const std::string current = status == nullptr ? "" : status->getString("currentRun");
  const Json* run = options_.afterRun ? newestRun() : nullptr;
  for (const ObjectPtr& known : knownRuns_) {
    run = run == nullptr && nameIn(*known) == current ? known.get() : run;
  }
  const TreeStyle style = treeStyle(context_, context_.terminalOut(), options_.everyStep);
  screen_.show(renderRelease(*release_, run, context_.clock().wall(), style));
}

int Follower::finish(Standing standing) {
  if (options_.tree) {
    show();
  } else {
    const Json* status = release_->find("status");
    context_.print(cat("release ", key_.name, ": ", status == nullptr ? "" : oneLine(status->getString("phase")), ": ",
                       status == nullptr ? "" : oneLine(status->getString("message")), "\n"));
  }
  return standing == Standing::Converged ? kConverged : kFailed;
}

int Follower::run() {
  const SteadyTime deadline = context_.clock().steady() + options_.timeout;
  while (true) {
    Status status = drain(releases_, release_ ? Duration(0) : Duration(std::chrono::seconds(10)), true);
    if (status) {
      status = drain(runs_, kTick, false);
    }
    if (!status) {
      return context_.fail(status);
    }
    if (!release_ || gone_) {
      return context_.fail({Code::NotFound, cat("release ", key_.toString(), gone_ ? " was deleted" : " not found")});
    }
    const Standing standing = this->standing();
    if (standing != Standing::Progressing) {
      // The run's last change may be on its way still.
      if (!drain(runs_, kTick, false)) {
        context_.note("warning: the run's last changes could not be read");
      }
      return finish(standing);
    }
    if (options_.tree && (changed_ || context_.terminalOut())) {
      show();
    }
    changed_ = false;
    if (options_.timeout > Duration(0) && context_.clock().steady() >= deadline) {
      context_.note(cat("release ", key_.name, " is still progressing after ", formatDuration(options_.timeout)));
      return kTimedOut;
    }
  }
}

}  // namespace

Standing standingOf(const Json& release) {
  const Json* meta = release.find("metadata");
  const Json* status = release.find("status");
  const Json* spec = release.find("spec");
  const std::int64_t generation = meta == nullptr ? 0 : meta->getInt("generation");
  if (spec != nullptr && spec->getBool("suspend") && !isTrue(release, "Reconciling")) {
    return isTrue(release, "Ready") ? Standing::Converged : Standing::Failed;
  }
  if (status == nullptr || status->getInt("observedGeneration", -1) < generation || isTrue(release, "Reconciling")) {
    return Standing::Progressing;
  }
  if (isTrue(release, "Ready")) {
    return Standing::Converged;
  }
  return isTrue(release, "Stalled") || isTrue(release, "RolledBack") ? Standing::Failed : Standing::Progressing;
}

Standing standingOfRun(const Json& run, bool backIsGood) {
  const Json* status = run.find("status");
  const auto phase = phaseFromName(status == nullptr ? "" : status->getString("phase"));
  if (!phase || !isTerminal(*phase)) {
    return Standing::Progressing;
  }
  const bool back = *phase == RunPhase::RolledBack || *phase == RunPhase::Cancelled;
  const bool good = *phase == RunPhase::Completed || (backIsGood && back);
  return good ? Standing::Converged : Standing::Failed;
}

Result<ReleaseView> fetchRelease(client::ApiClient& api, const ObjectKey& key) {
  auto release = api.get(kRelease, key);
  if (!release) {
    return release.status();
  }
  ReleaseView view{std::move(*release), std::nullopt};
  const Json* status = view.release.find("status");
  const std::string current = status == nullptr ? "" : status->getString("currentRun");
  if (!current.empty()) {
    auto run = api.get(kReleaseRun, {key.ns, current});
    if (run) {
      view.run = std::move(*run);
    } else if (run.code() != Code::NotFound) {
      return run.status();
    }
  }
  return view;
}

int followRelease(Context& context, const ObjectKey& key, const FollowOptions& options) {
  auto api = context.client();
  if (!api) {
    return context.fail(api.status());
  }
  return Follower(context, **api, key, options).run();
}

TreeStyle treeStyle(const Context& context, bool ticking, bool everyStep) {
  return {.unicode = context.unicode(), .color = context.color(), .ticking = ticking, .everyStep = everyStep};
}

}  // namespace slipway::cli
