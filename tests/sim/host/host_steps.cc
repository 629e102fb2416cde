#include <algorithm>
#include <set>

#include "reconciler/base/strings.h"
#include "tests/sim/host/host_script.h"

namespace slipway::sim {

void HostScript::observe() {
  Files& files = host_.files();
  for (const char* name : {"current", "previous"}) {
    const std::string path = cat(request_.root, "/", name, "-", request_.environment);
    const std::string raw = rawLink(name);
    const std::string id = idOf(raw);
    if (files.look(path) != nullptr && !files.isLink(path)) {
      say(cat("problem ", path, " is not a symbolic link"));
    } else if (raw == "-") {
      continue;
    } else if (id == "-") {
      say(cat("problem ", path, " points to ", raw, ", which is not a release of this environment"));
    } else {
      if (!files.isDirectory(cat(request_.root, "/", raw))) {
        say(cat("problem ", path, " points to ", raw, ", which does not exist"));
      }
      say(cat(name, " ", id));
    }
  }
  sayLiveSlot();
  say(cat("fence ", seenFence()));
  say(cat("free ", files.freeBytes()));
  const std::string releases = cat(request_.root, "/releases/", request_.environment);
  for (const std::string& name : files.list(releases)) {
    if (name.starts_with('.')) {
      continue;
    }
    const std::optional<Marker> marker = readMarker(cat(releases, "/", name));
    say(cat("release ", name));
    say(cat("identity ", marker ? marker->identity : ""));
    say(cat("content ", marker ? marker->digest : ""));
    say(cat("ready ", marker ? 1 : 0));
  }
  done("observed");
}

void HostScript::check() {
  keepRecord_ = false;
  phase_ = "gate";
  if (!makeDirectories()) {
    return;
  }
  if (const std::string id = idOf(rawLink("current")); id != "-") {
    say(cat("current ", id));
  }
  sayLiveSlot();
  if (!command_.run.empty() && rejoin()) {
    return;
  }
  enter([this] {
    if (refuseForeign()) {
      return;
    }
    const std::optional<Marker> marker = readMarker(releaseDir());
    if (!marker) {
      refuse("NotFound", cat(releaseDir(), " is not prepared"));
      return;
    }
    phase_ = "digest";
    if (marker->digest != wantedDigest_) {
      refuse("Conflict",
             cat(releaseDir(), " has the digest ", marker->digest, ", expected ", wantedDigest_, ": prepare it again"));
      return;
    }
    if (!treeIntact(releaseDir(), *marker)) {
      refuse("Conflict", cat("the content of ", releaseDir(), " was changed after it was prepared: prepare it again"));
      return;
    }
    phase_ = "required-files";
    if (!required(releaseDir())) {
      return;
    }
    digest_ = marker->digest;
    if (command_.run.empty()) {
      done("checked");
      return;
    }
    touchRelease();
    if (openOperation()) {
      supervise([this] { commandBody("the check", releaseDir(), "checked"); });
    }
  });
}

void HostScript::commandBody(const std::string& what, const std::string& directory, const std::string& okay) {
  command_.name = request_.kind == "process" ? action_ : "check";
  progress(command_.name);
  userCommand(command_, directory, [this, what, okay] {
    if (!refuseFailed(what, "Unavailable")) {
      if (request_.kind == "process") {
        host_.setProcess(releaseDir(), action_ != "stop");
      }
      done(okay);
    }
  });
}

void HostScript::verify() {
  keepRecord_ = false;
  phase_ = "verify";
  if (!makeDirectories() || (!cat(command_.run, manager_).empty() && rejoin())) {
    return;
  }
  enter([this] {
    const std::string name = slot_.empty() ? "current" : cat("@", slot_);
    const std::string raw = rawLink(name);
    if (raw != cat("releases/", request_.environment, "/", release_)) {
      refuse("Conflict", cat(request_.root, "/", linkFile(name), " names ", raw, ", expected releases/",
                             request_.environment, "/", release_));
      return;
    }
    if (!host_.files().isDirectory(releaseDir())) {
      refuse("NotFound", cat(releaseDir(), " does not exist"));
      return;
    }
    if (!container_.empty()) {
      phase_ = "container";
      refuse("Invalid", cat("docker is not installed, nor podman: container ", container_, " cannot be looked at"));
      return;
    }
    if (!manager_.empty() && manager_ != "command") {
      refuse("Invalid", cat(manager_, " is not there: no such process manager on this server"));
      return;
    }
    if (command_.run.empty() && manager_.empty()) {
      done("verified");
      return;
    }
    if (openOperation()) {
      supervise([this] { checkBody(); });
    }
  });
}

void HostScript::checkBody() {
  progress("check");
  if (const std::string trouble = manager_.empty() ? "" : processTrouble(); !trouble.empty()) {
    phase_ = "process";
    refuse("Unavailable", trouble);
  } else if (command_.run.empty()) {
    done("verified");
  } else {
    commandBody("the check", releaseDir(), "checked");
  }
}

// Why the process of the release is not up for long enough; empty: it is.
std::string HostScript::processTrouble() const {
  const std::optional<SteadyTime> since = host_.process(releaseDir());
  if (!since.has_value()) {
    return cat("no process runs in ", releaseDir());
  }
  const auto age = std::chrono::floor<std::chrono::seconds>(host_.world().now() - *since).count();
  return age >= std::stoll(minUptime_) ? "" : cat("process 1 has run for ", age, " s, expected ", minUptime_, " s");
}

void HostScript::process() {
  phase_ = action_;
  if (!makeDirectories() || rejoin()) {
    return;
  }
  if (!manager_.empty()) {
    refuse("Invalid", cat(manager_, " is not there: no such process manager on this server"));
    return;
  }
  enter([this] {
    if (!openOperation()) {
      return;
    }
    supervise([this] {
      std::string directory = request_.root;
      const std::string name = slot_.empty() ? "current" : cat("@", slot_);
      if (rawLink(name) == cat("releases/", request_.environment, "/", release_)) {
        directory = cat(request_.root, "/", linkFile(name));
      } else if (host_.files().isDirectory(releaseDir())) {
        directory = releaseDir();
      }
      commandBody(cat("the process command ", action_), directory, cat(action_, " done"));
    });
  });
}

// --- switch and undo -------------------------------------------------------------------------------------------------

bool HostScript::refuseUnprepared() {
  const std::optional<Marker> marker = readMarker(releaseDir());
  if (!marker) {
    refuse("NotFound", cat(releaseDir(), " is not prepared"));
  } else if (marker->digest != wantedDigest_) {
    refuse("Conflict",
           cat(releaseDir(), " has the digest ", marker->digest, ", expected ", wantedDigest_, ": prepare it again"));
  }
  return !marker || marker->digest != wantedDigest_;
}

void HostScript::place() {
  phase_ = "place";
  enter([this] {
    if (!refuseForeign() && !refuseUnprepared()) {
      pause([this] { placed(); });
    }
  });
}

void HostScript::placed() {
  const std::string target = cat("releases/", request_.environment, "/", release_);
  const std::string name = cat("@", slot_);
  const std::string raw = rawLink(name);
  already_ = raw == target;
  if (!already_ && liveSlot() == slot_) {
    refuse("Conflict", cat("the slot ", slot_, " is live on ", request_.root, " with ", raw, ": it is not replaced"));
    return;
  }
  if (!restoreLink(target, name)) {
    refuseFull(cat("cannot replace ", request_.root, "/", linkFile(name)));
    return;
  }
  touchRelease();
  done(cat("slot ", slot_, " has ", release_));
}

void HostScript::switchOver() {
  phase_ = "arm";
  enter([this] {
    if (refuseForeign() || refuseUnprepared()) {
      return;
    }
    oldCurrent_ = rawLink("current");
    oldPrevious_ = rawLink("previous");
    if (!arm()) {
      return;
    }
    say("armed");
    flush();
    host_.after(deadline_ - host_.world().now() + std::chrono::seconds(5),
                [self = shared_from_this()] { self->guardFired(); });
    armedWaiting_ = true;
    awaitGo();
  });
}

bool HostScript::arm() {
  const std::string target = cat("releases/", request_.environment, "/", release_);
  if (oldCurrent_ == target) {
    return true;
  }
  const std::optional<Intent> intent = oldPrevious_ == oldCurrent_ ? lastIntent(release_, "") : std::nullopt;
  if (intent && intent->state == "intent" && intent->current == oldCurrent_) {
    oldPrevious_ = intent->previous;
  }
  Files& files = host_.files();
  const auto stage = [&](const std::string& raw, const std::string& name) {
    const std::string next = cat(request_.root, "/.", name, "-", request_.environment, ".next");
    files.remove(next);
    return raw.empty() || files.makeLink(raw, next);
  };
  const bool keep = oldCurrent_ != "-" && files.isDirectory(cat(request_.root, "/", oldCurrent_));
  if (!stage(target, "current") || !stage(keep ? oldCurrent_ : "", "previous") ||
      !journal("intent", oldCurrent_, oldPrevious_)) {
    refuseFull(cat("cannot write to ", request_.root));
    return false;
  }
  return true;
}

void HostScript::disarm() {
  host_.files().remove(cat(request_.root, "/.current-", request_.environment, ".next"));
  host_.files().remove(cat(request_.root, "/.previous-", request_.environment, ".next"));
  if (oldCurrent_ != cat("releases/", request_.environment, "/", release_)) {
    journal("cancelled", oldCurrent_, oldPrevious_);
  }
}

void HostScript::awaitGo() {
  if (in_.find('\n', at_) == std::string::npos) {
    if (!eof_) {
      waiting_ = [this] { awaitGo(); };
      return;
    }
    armedWaiting_ = false;
    disarm();
    leave();
    return;
  }
  armedWaiting_ = false;
  phase_ = "switch";
  pause([this] { flip(); });
}

// A controller that vanished must not leave us waiting, with the lock held, for ever.
void HostScript::guardFired() {
  if (!over_ && armedWaiting_) {
    disarm();
    leave(1);
  }
}

void HostScript::flip() {
  if (const std::uint64_t seen = seenFence(); request_.fence < seen) {
    disarm();
    say(cat("fenced ", seen));
    refuse("Conflict",
           cat("fencing number ", request_.fence, " is lower than ", seen, ": another controller has taken over"));
    return;
  }
  const std::string target = cat("releases/", request_.environment, "/", release_);
  if (rawLink("current") == target) {
    already_ = true;
    if (!setLiveSlot(newSlot_)) {
      refuse("Unavailable", cat("cannot write ", state_, "/slot"));
      return;
    }
    touchRelease();
    say("switched");
    done("already current");
    return;
  }
  if (host_.files().isLink(cat(request_.root, "/.previous-", request_.environment, ".next")) &&
      !placeLink("previous")) {
    refuse("Unavailable", cat("cannot rename ", request_.root, "/previous-", request_.environment));
    return;
  }
  pause([this, target] { flipCurrent(target); });
}

void HostScript::flipCurrent(const std::string& target) {
  if (!placeLink("current") || rawLink("current") != target) {
    refuse("Unavailable", cat("cannot rename ", request_.root, "/current-", request_.environment));
    return;
  }
  if (!setLiveSlot(newSlot_)) {
    refuse("Unavailable", cat("cannot write ", state_, "/slot"));
    return;
  }
  say("switched");
  pause([this] {
    touchRelease();
    journal("done", oldCurrent_, oldPrevious_);
    done("switched");
  });
}

void HostScript::undo() {
  phase_ = "undo";
  enter([this] {
    if (refuseForeign()) {
      return;
    }
    const std::string target = cat("releases/", request_.environment, "/", release_);
    const std::string isCurrent = rawLink("current");
    std::string wanted = restoreTo_.empty() ? "-" : cat("releases/", request_.environment, "/", restoreTo_);
    std::string wantedPrevious = rawLink("previous");
    if (const std::optional<Intent> intent =
            lastIntent(release_, request_.operation.substr(0, request_.operation.find('.')))) {
      wanted = intent->current;
      wantedPrevious = intent->previous;
    }
    const std::string link = cat(request_.root, "/current-", request_.environment);
    if (isCurrent != target && isCurrent != wanted) {
      refuse("Conflict",
             cat(link, " names ", isCurrent, ", neither ", target, " nor ", wanted, ": someone else changed it"));
      return;
    }
    if (wanted != "-" && !host_.files().isDirectory(cat(request_.root, "/", wanted))) {
      refuse("NotFound", cat(request_.root, "/", wanted, ", which was live before ", release_, ", is gone: current-",
                             request_.environment, " stays as it is"));
      return;
    }
    already_ = isCurrent == wanted && rawLink("previous") == wantedPrevious;
    if (!restoreLink(wanted, "current")) {
      refuse("Unavailable", cat("cannot replace ", link));
      return;
    }
    pause([this, wanted, wantedPrevious] {
      if (!restoreLink(wantedPrevious, "previous")) {
        refuse("Unavailable", cat("cannot replace ", request_.root, "/previous-", request_.environment));
        return;
      }
      if (!setLiveSlot(newSlot_)) {
        refuse("Unavailable", cat("cannot write ", state_, "/slot"));
        return;
      }
      if (!already_) {
        journal("undone", wanted, wantedPrevious);
      }
      done(cat("current-", request_.environment, " is as before"));
    });
  });
}

// --- retire and abort ------------------------------------------------------------------------------------------------

void HostScript::retire() {
  phase_ = "retire";
  enter([this] {
    Files& files = host_.files();
    std::set<std::string> keep(keep_.begin(), keep_.end());
    for (const char* name : {"current", "previous", "@blue", "@green"}) {
      keep.insert(idOf(rawLink(name)));
    }
    const std::string releases = cat(request_.root, "/releases/", request_.environment);
    std::set<std::string> used;
    for (const std::string& name : files.list(releases)) {
      const std::string directory = cat(releases, "/", name);
      if (name.starts_with(".trash-")) {
        files.remove(directory);
      } else if (!keep.contains(name)) {
        discard(directory);
      } else if (const std::optional<Marker> marker = readMarker(directory)) {
        used.insert(marker->artifact);
      }
    }
    for (const std::string& name : files.list(state_ + "/artifacts")) {
      if (!used.contains(name)) {
        files.remove(cat(state_, "/artifacts/", name));
      }
    }
    retireRecords();
    done("retired");
  });
}

// Down to 100 once in a while. The host script goes by time; here names stand for it, which matters beyond them only.
void HostScript::retireRecords() {
  Files& files = host_.files();
  const std::vector<std::string> names = files.list(state_ + "/ops");
  if (names.size() <= 150) {
    return;
  }
  for (std::size_t i = 0; i + 100 < names.size(); ++i) {
    const std::string directory = cat(state_, "/ops/", names[i]);
    if (!host_.isLocked(directory + "/lock")) {
      files.remove(directory);
    }
  }
}

void HostScript::abort() {
  phase_ = "abort";
  if (!makeDirectories() || !checkFence()) {
    return;
  }
  const std::string victimDir = cat(state_, "/ops/", victim_);
  if (!host_.files().isDirectory(victimDir) || !host_.isLocked(victimDir + "/lock")) {
    already_ = true;
    done(cat("nothing runs as ", victim_));
    return;
  }
  host_.files().write(victimDir + "/aborted", "");
  awaitAborted(victimDir, host_.world().now() + std::chrono::seconds(15));
}

void HostScript::awaitAborted(const std::string& victimDir, SteadyTime patience) {
  if (!host_.isLocked(victimDir + "/lock")) {
    done(cat("aborted ", victim_));
    return;
  }
  if (HostScript* running = host_.supervisor(victimDir)) {
    running->killCommand();
  }
  if (host_.world().now() >= patience) {
    refuse("Unavailable", cat("operation ", victim_, " still runs on the host"));
    return;
  }
  host_.after(std::chrono::milliseconds(100), [self = shared_from_this(), victimDir, patience] {
    if (!self->over_) {
      self->awaitAborted(victimDir, patience);
    }
  });
}

}  // namespace slipway::sim
