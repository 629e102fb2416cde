#include "providers/vm/step_call.h"

#include <algorithm>
#include <utility>

#include "providers/vm/host_request.h"
#include "reconciler/base/strings.h"

namespace slipway::vm {
namespace {

// The target keeps the deadline by itself; the connection waits a little longer for its answer.
constexpr Duration kGrace = std::chrono::seconds(5);
constexpr Duration kAbortTime = std::chrono::seconds(20);
constexpr std::size_t kPiece = 512U << 10U;
constexpr std::size_t kAnswerLimit = 64U << 20U;
constexpr std::size_t kTailBytes = 64U << 10U;
constexpr std::size_t kTailLines = 50;

bool onlyLooks(const StepAction& action) {
  return std::holds_alternative<ObserveStep>(action) || std::holds_alternative<CheckStep>(action) ||
         std::holds_alternative<VerifyStep>(action);
}

bool runsUserCommands(const StepAction& action) {
  return !std::holds_alternative<ObserveStep>(action) && !std::holds_alternative<SwitchStep>(action) &&
         !std::holds_alternative<UndoStep>(action) && !std::holds_alternative<RetireStep>(action) &&
         !std::holds_alternative<AbortStep>(action);
}

}  // namespace

StepCall::StepCall(CallContext context, StepRequest request, StepEvents events, Hooks hooks)
    : context_(std::move(context)),
      request_(std::move(request)),
      events_(std::move(events)),
      hooks_(std::move(hooks)),
      begun_(context_.clock.steady()) {}

void StepCall::start() {
  const SteadyTime now = context_.clock.steady();
  request_.deadline += now - std::exchange(begun_, now);
  Result<std::string> input = encodeRequest(request_, request_.deadline - begun_);
  if (!input) {
    finish(StepResult::refused(input.status().withContext(request_.target.name), "request"));
    return;
  }
  RemoteCommand command;
  command.command = hostCommand();
  const std::string& script = hostScript(request_.action);
  command.input.reserve(script.size() + input->size());
  command.input.append(script).append(*input);
  command.closeInput =
      !std::holds_alternative<PrepareStep>(request_.action) && !std::holds_alternative<SwitchStep>(request_.action);
  command.deadline = request_.deadline + kGrace;
  command.outputLimit = kAnswerLimit;
  process_ = context_.runner.start(request_.target, std::move(command), remoteEvents());
  if (std::holds_alternative<SwitchStep>(request_.action)) {
    armInTime();
  }
}

// A switch that is not armed by its deadline does not flip.
void StepCall::armInTime() {
  context_.clock.startTimer(request_.deadline, [queue = context_.queue, weak = weak_from_this()] {
    queue->post([weak] {
      const auto late = weak.lock();
      if (late != nullptr && !late->armed_) {
        late->cancel(Status(Code::Timeout, "not ready to switch before the deadline"));
      }
    });
  });
}

RemoteEvents StepCall::remoteEvents() {
  // A call that is gone wants to hear nothing; its queue may be gone too.
  const auto post = [queue = context_.queue, weak = weak_from_this()](auto task) {
    queue->post([weak, task = std::move(task)] {
      if (const auto call = weak.lock()) {
        task(*call);
      }
    });
  };
  RemoteEvents events;
  events.started = [post] { post([](StepCall& call) { call.started_ = true; }); };
  events.output = [post](std::string_view bytes) {
    post([bytes = std::string(bytes)](StepCall& call) { call.takeOutput(bytes); });
  };
  events.error = [post](std::string_view bytes) {
    post([bytes = std::string(bytes)](StepCall& call) { call.takeError(bytes); });
  };
  events.drained = [post] { post([](StepCall& call) { call.sendMore(); }); };
  events.exit = [post](const Result<int>& exit) { post([exit](StepCall& call) { call.exited(exit); }); };
  return events;
}

void StepCall::takeOutput(std::string_view bytes) {
  outputLines_.take(bytes, [this](std::string_view line) { react(answer_.takeLine(line)); });
}

void StepCall::takeError(std::string_view bytes) {
  std::string whole;
  errorLines_.take(bytes, [&](std::string_view line) { whole.append(line).append("\n"); });
  showOutput(whole);
}

void StepCall::showOutput(std::string_view bytes) {
  if (bytes.empty() || finished_) {
    return;
  }
  std::string text(bytes);
  std::erase(text, '\r');
  text = printable(text);
  errorTail_ += text;
  if (errorTail_.size() > 2 * kTailBytes) {
    errorTail_.erase(0, errorTail_.size() - kTailBytes);
  }
  if (events_.output) {
    events_.output(request_, text);
  }
}

void StepCall::react(HostAnswer::Event event) {
  if (finished_) {
    return;
  }
  switch (event) {
    case HostAnswer::Event::Phase:
      if (events_.progress) {
        events_.progress(request_, answer_.phase());
      }
      break;
    case HostAnswer::Event::Manifest:
      sendManifest();
      break;
    case HostAnswer::Event::Send:
      sendArtifact();
      break;
    case HostAnswer::Event::Armed:
      armed_ = true;
      if (const auto armed = hooks_.armed) {
        armed(*this);  // a copy: it may end this call
      }
      break;
    case HostAnswer::Event::Switched:
      switchedAt_ = context_.clock.steady();
      break;
    case HostAnswer::Event::None:
    case HostAnswer::Event::End:
      break;
  }
}

void StepCall::sendManifest() {
  const PrepareStep* step = std::get_if<PrepareStep>(&request_.action);
  if (step == nullptr) {
    return;
  }
  const Result<std::string> manifest = manifestOf(*step->artifact);
  if (!manifest) {
    cancel(manifest.status());
    return;
  }
  receiving_ = true;
  process_->write(hostField(*manifest));
}

void StepCall::sendArtifact() {
  const PrepareStep* step = std::get_if<PrepareStep>(&request_.action);
  if (step == nullptr) {
    return;
  }
  if (!answer_.sendAll() && answer_.missing().empty()) {
    receiving_ = false;
    process_->closeInput();
    return;
  }
  context_.spooling->post(
      [context = context_, weak = weak_from_this(), artifact = step->artifact, paths = answer_.missing()] {
        const auto made = context.spools->get(*artifact, paths);
        context.queue->post([weak, made] {
          const auto call = weak.lock();
          if (call == nullptr || call->finished_) {
            return;
          }
          if (!made) {
            call->cancel(made.status());
            return;
          }
          call->spool_ = *made;
          call->sendMore();
        });
      });
}

void StepCall::sendMore() {
  if (spool_ == nullptr || finished_ || !cancelled_) {
    return;
  }
  Result<std::string> piece = spool_->read(sent_, kPiece);
  if (!piece) {
    cancel(piece.status());
    return;
  }
  sent_ += piece->size();
  process_->write(std::move(*piece));
  if (sent_ == spool_->size()) {
    spool_.reset();
    receiving_ = false;
    process_->closeInput();
  }
}

void StepCall::flip() {
  flipped_ = true;
  process_->write("\n");
}

void StepCall::cancel(Status why) {
  if (finished_) {
    return;
  }
  cancelled_ = std::move(why);
  if (process_ == nullptr) {
    finish(StepResult::refused(cancelled_, answer_.phase()));
  } else if (armed_ && !flipped_) {
    process_->closeInput();  // the host takes its preparations back
  } else {
    process_->cancel();
  }
}

void StepCall::abandon() {
  if (process_ != nullptr) {
    process_->cancel();
  }
  finish(withoutAnswer(Status(Code::Cancelled, "the controller stops")));
}

void StepCall::exited(const Result<int>& exit) {
  if (finished_) {
    return;
  }
  const std::string rest = errorLines_.rest();
  if (!rest.empty()) {
    showOutput(rest + "\n");
  }
  if (answer_.ended()) {
    finish(answer_.result(request_.target.name));
    return;
  }
  if (exit.code() == Code::Timeout && started_ && runsUserCommands(request_.action)) {
    abortRemote();
    return;
  }
  finish(withoutAnswer(exit));
}

// The conversation ended early: what may have happened on the target decides between refused and unknown.
StepResult StepCall::withoutAnswer(const Result<int>& exit) {
  const std::string& host = request_.target.name;
  const bool mayHaveChanged = started_ && changesTarget();
  StepResult result = StepResult::refused(Status(), started_ ? answer_.phase() : "connect");
  result.tail = lastLines(errorTail_, kTailLines);
  if (!cancelled_) {
    result.status = cancelled_.withContext(host);
  } else if (!exit && started_ && exit.code() == Code::OutcomeUnknown && !mayHaveChanged) {
    result.status = Status(Code::Unavailable, exit.status().message()).withContext(host);
  } else if (!exit) {
    result.status = exit.status().withContext(host);
  } else if (!answer_.greeted()) {
    result.status = Status(Code::Invalid, cat(host, ": /bin/sh did not run the host script (exit code ", *exit,
                                              "): is the login shell of ", request_.target.user, " disabled?"));
    return result;
  } else {
    result.status = Status(Code::Unavailable, cat(host, ": the host script ended with code ", *exit, " in phase \"",
                                                  answer_.phase(), "\""));
  }
  if (mayHaveChanged) {
    result.outcome = StepResult::Outcome::Unknown;
    result.status = Status(Code::OutcomeUnknown, result.status.message());
  }
  return result;
}

bool StepCall::changesTarget() const {
  if (std::holds_alternative<SwitchStep>(request_.action)) {
    return flipped_;
  }
  return !receiving_ && !onlyLooks(request_.action);
}

void StepCall::abortRemote() {
  StepRequest abort;
  abort.operationId = cat(request_.operationId, ".abort");
  abort.target = request_.target;
  abort.application = request_.application;
  abort.layout = request_.layout;
  abort.fence = request_.fence;
  abort.deadline = context_.clock.steady() + kAbortTime;
  abort.action = AbortStep{request_.operationId};
  Hooks hooks;
  // Holds this call alive until the abort has ended.
  hooks.done = [self = shared_from_this()](StepCall&, const StepResult& aborted) {
    StepResult result = StepResult::refused(
        Status(Code::Timeout, cat(self->request_.target.name, ": did not end before its deadline and was killed")),
        self->answer_.phase());
    result.tail = lastLines(self->errorTail_, kTailLines);
    if (aborted.outcome != StepResult::Outcome::Done) {
      result.outcome = StepResult::Outcome::Unknown;
      result.status =
          Status(Code::OutcomeUnknown,
                 cat(self->request_.target.name,
                     ": did not end before its deadline, and could not be killed: ", aborted.status.message()));
    }
    self->finish(std::move(result));
  };
  const auto call = std::make_shared<StepCall>(context_, std::move(abort), StepEvents{}, std::move(hooks));
  aborting_ = call;
  call->start();
}

void StepCall::finish(StepResult result) {
  if (std::exchange(finished_, true)) {
    return;
  }
  result.bytesSent = sent_;
  result.duration = context_.clock.steady() - begun_;
  result.effectAt = switchedAt_ == SteadyTime{} ? context_.clock.steady() : switchedAt_;
  const auto keep = shared_from_this();
  // What the hooks hold may hold this call: a switch wave, the call that aborts another.
  const Hooks hooks = std::exchange(hooks_, {});
  hooks.done(*this, std::move(result));
}

}  // namespace slipway::vm
