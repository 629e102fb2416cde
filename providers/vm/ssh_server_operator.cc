#include "providers/vm/ssh_server_operator.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "providers/transport/script_framing.h"
#include "providers/vm/host_answer.h"
#include "providers/vm/operation_request.h"
#include "reconciler/base/strings.h"

namespace slipway::vm {
namespace {

// The server keeps the deadline by itself; the connection waits a little longer for its answer.
constexpr Duration kGrace = std::chrono::seconds(5);
constexpr std::size_t kAnswerLimit = 4U << 20U;
constexpr std::size_t kMostFacts = 500;
constexpr std::size_t kLongestFact = 2048;
constexpr std::size_t kTailBytes = 32U << 10U;
constexpr std::size_t kTailLines = 50;

// One operation under way. Its events come one at a time; what `cancel` needs is guarded.
struct Call {
  ServerOperation operation;
  ServerOperationEvents events;
  HostAnswer answer;
  LineBuffer outputLines;
  LineBuffer errorLines;
  std::vector<std::string> facts;
  std::string tail;
  bool started = false;

  std::mutex mutex;
  std::shared_ptr<RemoteProcess> process;
  bool cancelled = false;

  void takeLine(std::string_view line) {
    constexpr std::string_view kFact = "fact ";
    if (!answer.greeted() || answer.ended() || !line.starts_with(kFact)) {
      answer.takeLine(line);
    } else if (facts.size() < kMostFacts) {
      facts.push_back(printable(line.substr(kFact.size(), kLongestFact)));
    }
  }

  void show(std::string text) {
    std::erase(text, '\r');
    text = printable(text);
    tail += text;
    if (tail.size() > 2 * kTailBytes) {
      tail.erase(0, tail.size() - kTailBytes);
    }
    if (!text.empty() && events.output) {
      events.output(text);
    }
  }

  StepResult resultOf(const Result<int>& exit) {
    const std::string& host = operation.target.name;
    if (answer.ended()) {
      return answer.result(host);
    }
    const std::lock_guard lock(mutex);
    StepResult result = StepResult::refused(Status(), started ? operation.verb : "connect");
    result.tail = lastLines(tail, kTailLines);
    if (cancelled) {
      result.status = Status(Code::Cancelled, cat(host, ": cancelled"));
    } else if (!exit) {
      result.status = exit.status().withContext(host);
    } else if (!answer.greeted()) {
      result.status = Status(Code::Invalid, cat(host, ": /bin/sh did not run the host script (exit code ", *exit,
                                                "): is the login shell of ", operation.target.user, " disabled?"));
      return result;
    } else {
      result.status = Status(Code::Unavailable, cat(host, ": the host script ended with code ", *exit));
    }
    if (started && operation.changes) {
      result.outcome = StepResult::Outcome::Unknown;
      result.status = Status(Code::OutcomeUnknown, result.status.message());
    } else if (result.status.code() == Code::OutcomeUnknown) {
      result.status = Status(Code::Unavailable, result.status.message());
    }
    return result;
  }
};

// Shared with the calls' events, which may come after the operator is gone.
struct Calls {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Call>> byId;
};

void end(const std::shared_ptr<Calls>& calls, const std::shared_ptr<Call>& call, StepResult result) {
  {
    const std::lock_guard lock(calls->mutex);
    const auto found = calls->byId.find(call->operation.operationId);
    if (found != calls->byId.end() && found->second == call) {
      calls->byId.erase(found);
    }
  }
  call->events.done(std::move(result), std::move(call->facts));
}

RemoteEvents eventsOf(const std::shared_ptr<Calls>& calls, const std::shared_ptr<Call>& call) {
  RemoteEvents events;
  events.started = [call] { call->started = true; };
  events.output = [call](std::string_view bytes) {
    call->outputLines.take(bytes, [&](std::string_view line) { call->takeLine(line); });
  };
  events.error = [call](std::string_view bytes) {
    std::string whole;
    call->errorLines.take(bytes, [&](std::string_view line) { whole.append(line).append("\n"); });
    call->show(std::move(whole));
  };
  events.exit = [calls, call](const Result<int>& exit) {
    if (const std::string rest = call->errorLines.rest(); !rest.empty()) {
      call->show(rest + "\n");
    }
    end(calls, call, call->resultOf(exit));
  };
  return events;
}

void cancelCall(Call& call) {
  std::shared_ptr<RemoteProcess> process;
  {
    const std::lock_guard lock(call.mutex);
    call.cancelled = true;
    process = call.process;
  }
  if (process != nullptr) {
    process->cancel();
  }
}

class SshServerOperator final : public ServerOperator {
 public:
  SshServerOperator(CommandRunner& runner, Clock& clock) : runner_(runner), clock_(clock) {}
  ~SshServerOperator() override {
    std::map<std::string, std::shared_ptr<Call>> calls;
    {
      const std::lock_guard lock(calls_->mutex);
      calls = calls_->byId;
    }
    for (const auto& [id, call] : calls) {
      cancelCall(*call);
    }
  }
  SshServerOperator(const SshServerOperator&) = delete;
  SshServerOperator& operator=(const SshServerOperator&) = delete;

  void start(ServerOperation operation, ServerOperationEvents events) override {
    const auto call = std::make_shared<Call>();
    call->operation = std::move(operation);
    call->events = std::move(events);
    Result<std::string> input = encodeOperation(call->operation, call->operation.deadline - clock_.steady());
    if (!input) {
      call->events.done(StepResult::refused(input.status().withContext(call->operation.target.name), "request"), {});
      return;
    }
    RemoteCommand command;
    command.command = transport::hostCommand();
    command.input = cat(operationScript(call->operation.manager), *input);
    // The end of its input tells the server that nobody follows any more.
    command.closeInput = !call->operation.follow;
    command.deadline = call->operation.deadline + kGrace;
    command.outputLimit = kAnswerLimit;
    {
      const std::lock_guard lock(calls_->mutex);
      calls_->byId[call->operation.operationId] = call;
    }
    auto process = runner_.start(call->operation.target, std::move(command), eventsOf(calls_, call));
    bool late = false;
    {
      const std::lock_guard lock(call->mutex);
      call->process = process;
      late = call->cancelled;
    }
    if (late) {
      process->cancel();
    }
  }

  void cancel(const std::string& operationId) override {
    std::shared_ptr<Call> call;
    {
      const std::lock_guard lock(calls_->mutex);
      const auto found = calls_->byId.find(operationId);
      call = found == calls_->byId.end() ? nullptr : found->second;
    }
    if (call != nullptr) {
      cancelCall(*call);
    }
  }

 private:
  CommandRunner& runner_;
  Clock& clock_;
  const std::shared_ptr<Calls> calls_ = std::make_shared<Calls>();
};

}  // namespace

std::unique_ptr<ServerOperator> newSshServerOperator(CommandRunner& runner, Clock& clock) {
  return std::make_unique<SshServerOperator>(runner, clock);
}

}  // namespace slipway::vm
