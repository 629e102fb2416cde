#include "tests/sim/host/host_script.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::sim {
namespace {

constexpr Duration kQuickest = std::chrono::microseconds(200);
constexpr std::uint64_t kSpread = 3'000'000;  // ns
constexpr Duration kNap = std::chrono::milliseconds(100);

template <typename T>
T number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

HostScript::HostScript(SimHost& host, HostChannel channel) : host_(host), channel_(std::move(channel)) {}

const std::string& HostScript::link(const std::string& name) const {
  static const std::string kNone;
  const Files::Node* node = host_.files().look(cat(request_.root, "/", linkFile(name)));
  return node != nullptr && node->type == Files::Node::Type::Link ? node->content : kNone;
}

std::string HostScript::releaseDir() const {
  return cat(request_.root, "/releases/", request_.environment, "/", release_);
}

// --- the conversation ------------------------------------------------------------------------------------------------

void HostScript::input(std::string_view bytes) {
  if (over_ || hungUp_) {
    return;
  }
  in_ += bytes;
  if (!begun_) {
    begin();
  } else if (waiting_) {
    std::exchange(waiting_, nullptr)();
  }
}

void HostScript::closeInput() {
  eof_ = true;
  if (!over_ && begun_ && waiting_) {
    std::exchange(waiting_, nullptr)();
  } else if (!over_ && !begun_) {
    begin();
  }
}

void HostScript::hangUp() {
  hungUp_ = true;
  closeInput();
}

void HostScript::die() {
  over_ = true;
  waiting_ = nullptr;
  if (user_ != nullptr) {
    std::exchange(user_, nullptr)->kill();
  }
  if (!hungUp_) {
    hungUp_ = true;
    channel_.exit(255);
  }
}

// One framed argument; nothing when it has not come whole yet.
std::optional<std::string> HostScript::field() {
  const std::size_t end = in_.find('\n', at_);
  if (end == std::string::npos) {
    return std::nullopt;
  }
  if (in_[at_] == '=') {
    std::string out = in_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return out;
  }
  const auto size = number<std::size_t>(std::string_view(in_).substr(at_ + 1, end - at_ - 1));
  if (in_.size() < end + 1 + size) {
    return std::nullopt;
  }
  std::string out = in_.substr(end + 1, size);
  at_ = end + 1 + size;
  return out;
}

bool HostScript::take(std::string& into) {
  std::optional<std::string> value = field();
  if (!value) {
    return false;
  }
  into = *std::move(value);
  return true;
}

bool HostScript::takeList(std::vector<std::string>& into) {
  std::string count;
  if (!take(count)) {
    return false;
  }
  into.assign(number<std::size_t>(count), {});
  return std::all_of(into.begin(), into.end(), [this](std::string& one) { return take(one); });
}

// A simulated host has no manager of processes: its commands stand for them.
bool HostScript::takeManager() {
  std::vector<std::string> settings;
  return take(manager_) && takeList(settings);
}

bool HostScript::readRequest() {
  const std::size_t line = in_.find('\n');
  if (line == std::string::npos) {
    return false;
  }
  at_ = line + 1 + number<std::size_t>(std::string_view(in_).substr(0, line));
  std::string fence, seconds, wait;
  if (at_ > in_.size() || !take(request_.kind) || !take(request_.operation) || !take(request_.root) ||
      !take(request_.environment) || !take(request_.application) || !take(fence) || !take(seconds) || !take(wait)) {
    return false;
  }
  request_.fence = number<std::uint64_t>(fence);
  request_.seconds = number<std::int64_t>(seconds);
  request_.lockWait = number<std::int64_t>(wait);
  return readArguments();
}

bool HostScript::readArguments() {
  const std::string& kind = request_.kind;
  std::string text;
  const auto takeCommand = [&] {
    std::string timeout;
    const bool whole = take(command_.run) && take(timeout);
    command_.timeout = number<std::int64_t>(timeout);
    return whole;
  };
  if (kind == "prepare") {
    std::string steps;
    if (!take(release_) || !take(identity_) || !take(artifact_) || !takeList(sharedDirectories_) ||
        !takeList(sharedFiles_) || !takeList(required_) || !take(steps)) {
      return false;
    }
    builds_.assign(number<std::size_t>(steps), {});
    return std::all_of(builds_.begin(), builds_.end(), [&](Build& build) {
      std::string timeout, idempotent;
      std::vector<std::string> variables;
      const bool whole =
          take(build.name) && take(build.run) && take(timeout) && take(idempotent) && takeList(variables);
      build.timeout = number<std::int64_t>(timeout);
      build.idempotent = idempotent == "1";
      for (const std::string& variable : variables) {
        const std::size_t equals = variable.find('=');
        build.env[variable.substr(0, equals)] = variable.substr(equals + 1);
      }
      return whole;
    });
  }
  if (kind == "check") {
    return take(release_) && take(wantedDigest_) && takeList(required_) && takeCommand();
  }
  if (kind == "switch") {
    return take(release_) && take(wantedDigest_) && take(newSlot_);
  }
  if (kind == "place") {
    return take(release_) && take(wantedDigest_) && take(slot_);
  }
  if (kind == "process") {
    return take(release_) && take(action_) && takeCommand() && take(slot_) && take(port_) && takeManager();
  }
  if (kind == "hook") {
    std::string idempotent;
    std::vector<std::string> variables;
    const bool whole =
        take(release_) && take(command_.name) && takeCommand() && take(idempotent) && takeList(variables);
    command_.idempotent = idempotent == "1";
    for (const std::string& variable : variables) {
      const std::size_t equals = variable.find('=');
      command_.env[variable.substr(0, equals)] = variable.substr(equals + 1);
    }
    return whole;
  }
  if (kind == "verify") {
    std::string timeout, own;
    return take(release_) && takeCommand() && take(slot_) && take(port_) && take(container_) && take(timeout) &&
           take(own) && take(minUptime_) && takeManager();
  }
  if (kind == "undo") {
    return take(release_) && take(restoreTo_) && take(newSlot_);
  }
  if (kind == "retire") {
    return takeList(keep_);
  }
  return kind == "abort" ? take(victim_) : kind == "observe";
}

void HostScript::begin() {
  if (!readRequest()) {
    if (eof_) {
      leave(97);
    }
    return;
  }
  begun_ = true;
  in_.erase(0, at_);
  at_ = 0;
  host_.began(shared_from_this());
  if (request_.root.starts_with("~/")) {
    request_.root = cat("/root/", request_.root.substr(2));
  }
  deadline_ = host_.world().now() + std::chrono::seconds(request_.seconds);
  state_ = cat(request_.root, "/.state/", request_.environment);
  opDir_ = cat(state_, "/ops/", request_.operation);
  say("slipway 1");
  pause([this] { run(); });
}

void HostScript::run() {
  const std::string& kind = request_.kind;
  if (kind == "observe") {
    observe();
  } else if (kind == "prepare") {
    prepare();
  } else if (kind == "check") {
    check();
  } else if (kind == "switch") {
    switchOver();
  } else if (kind == "process") {
    process();
  } else if (kind == "verify") {
    verify();
  } else if (kind == "undo") {
    undo();
  } else if (kind == "place") {
    place();
  } else if (kind == "hook") {
    hook();
  } else if (kind == "retire") {
    retire();
  } else {
    abort();
  }
}

void HostScript::say(std::string_view line) {
  if (!hungUp_) {
    out_.append(line).append("\n");
  }
}

void HostScript::flush() {
  if (!out_.empty() && !hungUp_) {
    channel_.output(std::exchange(out_, {}));
  }
}

// Lets others come in between.
void HostScript::pause(Next next) {
  flush();
  const Duration delay = kQuickest + Duration(static_cast<Duration::rep>(host_.world().dice() % kSpread));
  host_.after(delay, [self = shared_from_this(), next = std::move(next)] {
    if (!self->over_) {
      next();
    }
  });
}

std::string HostScript::render(const std::string& outcome, const std::string& code, const std::string& message) const {
  std::string text = cat("outcome ", outcome, "\ncode ", code, "\nalready ", already_ ? 1 : 0, "\n");
  if (!phase_.empty()) {
    text += cat("failed ", phase_, "\n");
  }
  if (exitCode_ != -1) {
    text += cat("exit ", exitCode_, "\n");
  }
  if (!digest_.empty()) {
    text += cat("digest ", digest_, "\n");
  }
  if (!tail_.empty()) {
    for (const std::string& line : split(lastLines(tail_, 50), '\n')) {
      text += cat("tail ", line, "\n");
    }
  }
  return text + cat("message ", message, "\nend\n");
}

void HostScript::answer(const std::string& outcome, const std::string& code, const std::string& message) {
  const std::string text = render(outcome, code, message);
  if (!recording_) {
    if (!hungUp_) {
      out_ += text;
    }
    leave();
    return;
  }
  if (host_.files().write(opDir_ + "/code.new", text)) {
    host_.files().rename(opDir_ + "/code.new", opDir_ + "/code");
  }
  superviseEnded();
}

void HostScript::done(const std::string& message) {
  phase_.clear();
  answer("done", "Ok", message);
}

void HostScript::refuse(const std::string& code, const std::string& message) { answer("refused", code, message); }

// Something could not be written: a full disk is told apart from what may pass by itself.
void HostScript::refuseFull(const std::string& message) {
  refuse(host_.files().freeBytes() == 0 ? "ResourceExhausted" : "Unavailable", message);
}

// On a full disk the answer is worth more than what half a preparation has left behind.
void HostScript::giveWay() {
  if (request_.kind == "prepare" && !readMarker(releaseDir())) {
    host_.files().remove(releaseDir());
  }
}

void HostScript::unknown(const std::string& message) { answer("unknown", "OutcomeUnknown", message); }

void HostScript::leave(int code) {
  flush();
  if (std::exchange(over_, true)) {
    return;
  }
  waiting_ = nullptr;
  host_.unlockAll(this);
  const auto keep = shared_from_this();
  host_.ended(keep);
  if (!std::exchange(hungUp_, true)) {
    channel_.exit(code);
  }
}

// --- locks and fencing -----------------------------------------------------------------------------------------------

bool HostScript::makeDirectories() {
  for (const std::string& directory : {cat(request_.root, "/releases/", request_.environment),
                                       cat(request_.root, "/shared"), cat(state_, "/ops"), cat(state_, "/artifacts")}) {
    if (!host_.files().makeDirectories(directory)) {
      refuse("Unavailable", cat("cannot create ", directory, ": not possible"));
      return false;
    }
  }
  if (!host_.files().append(state_ + "/lock", "")) {
    refuse("Unavailable", cat("cannot write to ", state_, ": not possible"));
    return false;
  }
  return true;
}

void HostScript::lockWithin(const std::string& path, std::int64_t seconds, Next locked, Next given) {
  if (host_.tryLock(path, this)) {
    locked();
    return;
  }
  const SteadyTime giveUp = host_.world().now() + std::chrono::seconds(seconds);
  auto poll = std::make_shared<std::function<void()>>();
  *poll = [this, path, giveUp, locked = std::move(locked), given = std::move(given), weak = std::weak_ptr(poll)] {
    if (over_) {
      return;
    }
    if (host_.tryLock(path, this)) {
      locked();
    } else if (host_.world().now() >= giveUp) {
      given();
    } else {
      host_.after(kNap, [self = shared_from_this(), again = weak.lock()] { (*again)(); });
    }
  };
  flush();
  host_.after(kNap, [self = shared_from_this(), poll] { (*poll)(); });
}

void HostScript::enter(Next next) {
  if (!makeDirectories()) {
    return;
  }
  lockWithin(
      state_ + "/lock", request_.lockWait,
      [this, next = std::move(next)] {
        host_.files().write(state_ + "/holder",
                            cat(request_.application, " (operation ", request_.operation, ", process 1)\n"));
        if (!checkFence()) {
          return;
        }
        host_.observer().entered(host_, *this);
        pause(next);
      },
      [this] {
        const std::string holder(trim(host_.files().read(state_ + "/holder").value_or("")));
        refuse("Conflict", cat("the lock ", state_, "/lock is held by ", holder));
      });
}

std::uint64_t HostScript::seenFence() const {
  return number<std::uint64_t>(host_.files().read(state_ + "/fence").value_or("0"));
}

bool HostScript::checkFence() {
  const std::uint64_t seen = seenFence();
  if (request_.fence < seen) {
    say(cat("fenced ", seen));
    refuse("Conflict", cat("fencing number ", request_.fence, " is lower than ", seen, ", seen in ", state_,
                           ": another controller has taken over"));
    return false;
  }
  if (request_.fence > seen && !host_.files().write(state_ + "/fence", cat(request_.fence, "\n"))) {
    refuseFull(cat("cannot write ", state_, "/fence"));
    return false;
  }
  return true;
}

// --- operations that outlive their connection ------------------------------------------------------------------------

// Another conversation about the same operation: true when that is all there is to do.
bool HostScript::rejoin() {
  Files& files = host_.files();
  if (!files.isDirectory(opDir_)) {
    return false;
  }
  if (keepRecord_ && files.read(opDir_ + "/code").value_or("").ends_with("\nend\n")) {
    if (!checkFence()) {
      return true;
    }
    say("recorded");
    conclude();
    return true;
  }
  if (!host_.isLocked(opDir_ + "/lock")) {
    return false;
  }
  if (!checkFence()) {
    return true;
  }
  say("attached");
  if (!hungUp_) {
    out_ += files.read(opDir_ + "/log").value_or("");
    channel_.error(files.read(opDir_ + "/out").value_or(""));
  }
  flush();
  if (HostScript* running = host_.supervisor(opDir_)) {
    running->followers_.push_back(weak_from_this());
    return true;
  }
  lockWithin(
      opDir_ + "/lock", 3600,
      [this] {
        host_.unlock(opDir_ + "/lock", this);
        conclude();
      },
      [this] { conclude(); });
  return true;
}

bool HostScript::openOperation() {
  Files& files = host_.files();
  files.makeDirectories(opDir_);
  if (!files.append(opDir_ + "/out", "")) {
    refuseFull(cat("cannot create ", opDir_));
    return false;
  }
  if (!host_.tryLock(opDir_ + "/lock", this)) {
    refuse("Conflict", cat("operation ", request_.operation, " runs already"));
    return false;
  }
  files.remove(opDir_ + "/aborted");
  return true;
}

// From here on the work goes on without its connection; its end is written down.
void HostScript::supervise(Next body) {
  Files& files = host_.files();
  files.remove(opDir_ + "/code");
  files.append(opDir_ + "/out", "");
  files.append(opDir_ + "/log", "");
  recording_ = true;
  host_.setSupervisor(opDir_, this);
  pause(std::move(body));
}

void HostScript::progress(const std::string& name) {
  phase_ = name;
  host_.files().append(opDir_ + "/log", cat("phase ", name, "\n"));
  say(cat("phase ", name));
  flush();
  for (const auto& follower : followers_) {
    if (const auto one = follower.lock()) {
      one->say(cat("phase ", name));
      one->flush();
    }
  }
}

void HostScript::printed(std::string_view text) {
  host_.files().append(opDir_ + "/out", text);
  if (!hungUp_) {
    channel_.error(std::string(text));
  }
  for (const auto& follower : followers_) {
    if (const auto one = follower.lock(); one != nullptr && !one->hungUp_) {
      one->channel_.error(std::string(text));
    }
  }
}

void HostScript::superviseEnded() {
  host_.setSupervisor(opDir_, nullptr);
  host_.unlockAll(this);
  for (const auto& follower : std::exchange(followers_, {})) {
    if (const auto one = follower.lock(); one != nullptr && !one->over_) {
      one->conclude();
    }
  }
  recording_ = false;
  conclude();
}

// What the finished operation recorded.
void HostScript::conclude() {
  const auto code = host_.files().read(opDir_ + "/code");
  if (!code) {
    recording_ = false;
    unknown(cat("operation ", request_.operation, " ended on the host without a result: "));
    return;
  }
  if (!hungUp_) {
    out_ += *code;
  }
  if (!keepRecord_) {
    host_.files().remove(opDir_);
  }
  leave();
}

void HostScript::userCommand(const Build& build, const std::string& directory, Next ended) {
  Files& files = host_.files();
  timedOut_ = false;
  tailFrom_ = files.read(opDir_ + "/out").value_or("").size();
  const auto left = std::chrono::ceil<std::chrono::seconds>(deadline_ - host_.world().now()).count();
  limit_ = std::max<std::int64_t>(1, std::min<std::int64_t>(left, build.timeout));
  ShellProcess::Start start{build.run, directory, build.env, nullptr, nullptr};
  start.env["RELEASE_ID"] = release_;
  start.env["RELEASE_PATH"] = releaseDir();
  start.env["ENVIRONMENT"] = request_.environment;
  if (!slot_.empty()) {
    start.env["SLOT"] = slot_;
    start.env["PORT"] = port_;
  }
  const std::weak_ptr<HostScript> weak = shared_from_this();
  start.output = [weak](std::string_view text) {
    if (const auto self = weak.lock()) {
      self->printed(text);
    }
  };
  start.done = [weak, ended = std::move(ended)](int code) {
    const auto self = weak.lock();
    if (self == nullptr || self->over_) {
      return;
    }
    self->user_.reset();
    self->exitCode_ = code;
    self->tail_ = self->host_.files().read(self->opDir_ + "/out").value_or("").substr(self->tailFrom_);
    self->pause(ended);
  };
  host_.observer().commandBegins(host_, *this, build.name, build.idempotent);
  user_ = std::make_shared<ShellProcess>(host_, std::move(start));
  const auto running = user_;
  watchCommand(limit_);
  running->run();
}

void HostScript::watchCommand(std::int64_t seconds) {
  host_.after(std::chrono::seconds(seconds), [weak = weak_from_this(), process = std::weak_ptr(user_)] {
    const auto self = weak.lock();
    const auto running = process.lock();
    if (self != nullptr && running != nullptr && self->user_ == running) {
      self->timedOut_ = true;
      running->kill();
    }
  });
}

void HostScript::killCommand() {
  if (const auto running = user_) {
    running->kill();
  }
}

// After userCommand: true, and refused, when the command failed.
bool HostScript::refuseFailed(const std::string& what, const std::string& code) {
  if (host_.files().exists(opDir_ + "/aborted")) {
    refuse("Cancelled", cat(what, " was aborted"));
    return true;
  }
  if (timedOut_) {
    refuse("Timeout", cat(what, " did not end within ", limit_, " s and was killed"));
    return true;
  }
  if (exitCode_ != 0 && host_.files().freeBytes() == 0) {
    giveWay();
    refuse("ResourceExhausted", cat(what, " failed with exit code ", exitCode_, ": no room left"));
    return true;
  }
  if (exitCode_ != 0) {
    refuse(code, cat(what, " failed with exit code ", exitCode_));
    return true;
  }
  exitCode_ = -1;
  tail_.clear();
  return false;
}

}  // namespace slipway::sim
