#include "providers/traffic/traffic_call.h"

#include <algorithm>
#include <utility>

#include "providers/traffic/wanted.h"
#include "providers/transport/script_framing.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::traffic {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(100);
constexpr Duration kLongestPause = std::chrono::seconds(1);
constexpr Duration kPatience = std::chrono::seconds(10);
constexpr std::size_t kOutputLimit = 16U << 20U;
constexpr std::size_t kDigest = 16;

std::string digestOf(const std::string& text) { return sha256Hex(text).substr(0, kDigest); }

}  // namespace

const Dialect& dialectOf(ProxyType type) {
  switch (type) {
    case ProxyType::Nginx:
      return nginxDialect();
    case ProxyType::HaProxy:
      return haproxyDialect();
    case ProxyType::Caddy:
      return caddyDialect();
    case ProxyType::Traefik:
      break;
  }
  return traefikDialect();
}

TrafficCall::TrafficCall(CallContext context, TrafficRequest request, Done done)
    : context_(std::move(context)),
      request_(std::move(request)),
      done_(std::move(done)),
      dialect_(dialectOf(request_.spec.type)),
      begun_(context_.clock.steady()),
      changeBy_(std::min(request_.deadline, begun_ + request_.spec.timeout)) {}

void TrafficCall::start() {
  if (const Status status = checkRequest(request_); !status) {
    refuse(status);
    return;
  }
  look();
}

HostArguments TrafficCall::host() const {
  const TrafficSpec& spec = request_.spec;
  const Duration left = request_.deadline - context_.clock.steady();
  return {.file = spec.filePath(),
          .record = recordPath(spec),
          .admin = spec.adminAddress(),
          .pidFile = spec.type == ProxyType::Nginx ? spec.pidFilePath() : std::string(),
          .fence = request_.fence,
          .patience = std::min(kPatience, left)};
}

void TrafficCall::run(std::string input, Continue then) {
  output_.clear();
  RemoteCommand command;
  command.command = transport::hostCommand();
  command.input = cat(proxyScript(), input);
  command.deadline = request_.deadline;
  command.outputLimit = kOutputLimit;
  // A call that is gone wants to hear nothing; its queue may be gone too.
  const auto post = [queue = context_.queue, weak = weak_from_this()](auto task) {
    queue->post([weak, task = std::move(task)] {
      const auto call = weak.lock();
      if (call != nullptr && !call->finished_) {
        task(*call);
      }
    });
  };
  RemoteEvents events;
  events.started = [post] { post([](TrafficCall& call) { call.changed_ = call.changed_ || call.sending_; }); };
  events.output = [post](std::string_view bytes) {
    post([bytes = std::string(bytes)](TrafficCall& call) { call.output_ += bytes; });
  };
  events.exit = [post, then](const Result<int>& exit) {
    post([exit, then](TrafficCall& call) {
      const std::string output = std::exchange(call.output_, {});
      (call.*then)(exit ? Result<std::string>(output) : Result<std::string>(exit.status()));
    });
  };
  process_ = context_.runner.start(request_.target, std::move(command), std::move(events));
}

void TrafficCall::look() { run(encodeLook(host(), dialect_.questions(request_.spec)), &TrafficCall::seen); }

void TrafficCall::seen(const Result<std::string>& output) {
  if (!output) {
    refuse(output.status());
    return;
  }
  Result<Look> look = parseLook(*output);
  if (!look) {
    refuse(look.status());
    return;
  }
  look_ = std::move(*look);
  if (look_.interrupted && changes() && !changed_) {
    sending_ = true;
    run(encodeRepair(host()), &TrafficCall::repaired);
    return;
  }
  Result<Sight> sight = dialect_.read(request_.spec, look_);
  if (!sight) {
    refuse(sight.status());
    return;
  }
  sight_ = std::move(*sight);
  observe();
  if (const Status status = decide(); !status) {
    refuse(status);
    return;
  }
  proceed();
}

void TrafficCall::repaired(const Result<std::string>& output) {
  sending_ = false;
  const Result<Answer> answer = output ? parseAnswer(*output) : Result<Answer>(output.status());
  if (!answer || !answer->status) {
    refuse(answer ? answer->status : answer.status());
    return;
  }
  look();
}

// What the last look means for whoever asked.
void TrafficCall::observe() {
  observed_ = {};
  observed_.version = digestOf(sight_.managed);
  observed_.owned = look_.record.has_value();
  observed_.backends = sight_.running;
  observed_.stickiness = sight_.stickiness;
  observed_.live = sight_.problem.empty() && !look_.interrupted;
  observed_.problem =
      look_.interrupted ? "a change was interrupted before the proxy was asked about it" : sight_.problem;
  // A restore that was interrupted has left what was there before us.
  const bool restored = look_.record && restores() && digestOf(look_.record->original) == observed_.version;
  const bool foreign = look_.record && !look_.record->knows(observed_.version) && !restored;
  // What was begun and not ended is ours to end.
  const bool past = sight_.edited && look_.record && look_.record->settled;
  observed_.edited = foreign || past;
  if (foreign) {
    observed_.problem = cat(request_.spec.service, " was changed by somebody else since it was last set",
                            observed_.problem.empty() ? "" : "; ", observed_.problem);
  }
}

// Whether the change may be made, and what it makes.
Status TrafficCall::decide() {
  if (!changes()) {
    return Status::ok();
  }
  const std::string& service = request_.spec.service;
  if (look_.record && look_.record->fence > request_.fence) {
    return {Code::Conflict, cat("fencing number ", request_.fence, " is lower than ", look_.record->fence,
                                ", seen for ", service, ": another controller has taken over")};
  }
  if (look_.record && look_.record->application != request_.application) {
    return {Code::Conflict,
            cat(service, " belongs to ", printable(look_.record->application), ", not to ", request_.application)};
  }
  if (observed_.edited && !request_.overwriteEdits && !changed_) {
    return {Code::Conflict, cat(observed_.problem, ": it is not overwritten without being told to")};
  }
  if (wanted_ || (restores() && changed_)) {
    return Status::ok();
  }
  if (!request_.expected.empty() && request_.expected != observed_.version) {
    return {Code::Conflict, cat(service, " was changed since it was read: it has version ", observed_.version, ", not ",
                                request_.expected)};
  }
  if (restores()) {
    return Status::ok();
  }
  Result<Wanted> wanted = wantedAfter(request_, sight_);
  if (!wanted) {
    return wanted.status();
  }
  wanted_ = std::move(*wanted);
  return Status::ok();
}

bool TrafficCall::reached() const {
  if (restores()) {
    return !look_.record && (!changed_ || sight_.problem.empty());
  }
  return sight_.says(*wanted_) && wanted_->sameAs(sight_.running) && sight_.problem.empty() && !look_.interrupted;
}

void TrafficCall::proceed() {
  if (!changes() || reached()) {
    if (changes() && look_.record && !look_.record->settled && !endedRecord_) {
      // A change that was cut off has arrived all the same: from now on what differs is somebody else's.
      endedRecord_ = true;
      Change change;
      change.record = recordFor({.change = {}, .managedAfter = sight_.managed});
      send(change);
      return;
    }
    settle();
    return;
  }
  if (context_.clock.steady() >= changeBy_) {
    refuse(
        Status(Code::Timeout, cat("the proxy was not seen with the change within ", formatDuration(changeBy_ - begun_),
                                  observed_.problem.empty() ? "" : ": ", observed_.problem)));
    return;
  }
  if (restores() && !look_.record) {
    lookAgain();
    return;
  }
  static const Wanted kNothing;
  const Turn turn{request_.spec, look_, sight_, wanted_ ? *wanted_ : kNothing, request_.application, refusals_};
  Result<std::optional<Next>> next = restores() ? dialect_.restore(turn) : dialect_.next(turn);
  if (!next) {
    refuse(next.status());
    return;
  }
  if (!next->has_value()) {
    lookAgain();
    return;
  }
  Next& chosen = **next;
  if (restores() && chosen.last) {
    chosen.change.dropRecord = true;
  } else {
    chosen.change.record = recordFor(chosen);
  }
  send(chosen.change);
}

Record TrafficCall::recordFor(const Next& next) const {
  Record record = look_.record.value_or(
      Record{.application = request_.application, .hadOriginal = sight_.exists, .original = sight_.managed});
  record.left = {observed_.version, digestOf(next.managedAfter)};
  if (!wanted_) {
    return record;
  }
  record.backends.clear();
  record.weights.clear();
  for (const BackendState& state : wanted_->backends) {
    record.backends.push_back(state.backend);
    record.weights.push_back(state.weight);
  }
  return record;
}

void TrafficCall::send(const Change& change) {
  sending_ = true;
  run(encodeChange(host(), change), &TrafficCall::answered);
}

void TrafficCall::answered(const Result<std::string>& output) {
  sending_ = false;
  Result<Answer> answer = output ? parseAnswer(*output) : Result<Answer>(output.status());
  if (!answer) {
    refuse(answer.status());
    return;
  }
  answer_ = std::move(*answer);
  if (answer_.end == Answer::End::Changed) {
    pause_ = Duration{0};
    look();
    return;
  }
  if (answer_.end == Answer::End::Refused) {
    changed_ = refusals_ > 0;  // what was tried before may have left something
    refuse(answer_.status);
    return;
  }
  static const Wanted kNothing;
  const Turn turn{request_.spec, look_, sight_, wanted_ ? *wanted_ : kNothing, request_.application, refusals_};
  if (const Status status = dialect_.judge(turn, answer_); !status) {
    refuse(status);
    return;
  }
  ++refusals_;
  lookAgain();
}

void TrafficCall::lookAgain() {
  pause_ = std::min(kLongestPause, std::max(kFirstPause, 2 * pause_));
  context_.clock.startTimer(context_.clock.steady() + pause_, [queue = context_.queue, weak = weak_from_this()] {
    queue->post([weak] {
      const auto call = weak.lock();
      if (call != nullptr && !call->finished_) {
        call->look();
      }
    });
  });
}

// It is as wanted; a drain also waits until it is empty.
void TrafficCall::settle() {
  TrafficResult result;
  result.observed = observed_;
  result.alreadyDone = changes() && !changed_;
  if (const auto* drain = std::get_if<DrainBackend>(&request_.action)) {
    const SteadyTime now = context_.clock.steady();
    if (!emptyBy_) {
      emptyBy_ = std::min(request_.deadline, now + request_.spec.drainTimeout);
      changeBy_ = request_.deadline;
    }
    const BackendState* state = observed_.find(drain->name);
    if (state != nullptr && state->connections != 0 && now < *emptyBy_) {
      lookAgain();
      return;
    }
  }
  finish(std::move(result));
}

void TrafficCall::cancel(const Status& why) {
  if (finished_) {
    return;
  }
  const auto process = process_;
  refuse(why);
  if (process != nullptr) {
    process->cancel();
  }
}

void TrafficCall::refuse(const Status& status) {
  TrafficResult result;
  result.outcome = changed_ ? TrafficResult::Outcome::Unknown : TrafficResult::Outcome::Refused;
  const Code code = changed_                                ? Code::OutcomeUnknown
                    : status.code() == Code::OutcomeUnknown ? Code::Unavailable
                                                            : status.code();
  result.status = Status(code, status.message()).withContext(request_.target.name);
  result.tail = answer_.tail;
  result.observed = observed_;
  finish(std::move(result));
}

void TrafficCall::finish(TrafficResult result) {
  if (std::exchange(finished_, true)) {
    return;
  }
  result.duration = context_.clock.steady() - begun_;
  const auto keep = shared_from_this();
  const Done done = std::exchange(done_, {});
  done(*this, std::move(result));
}

}  // namespace slipway::traffic
