#include "cmd/slipway/operations/operation_request.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "cmd/slipway/run_logs.h"
#include "cmd/slipway/views/operation_text.h"
#include "reconciler/base/strings.h"
#include "reconciler/client/resource_watch.h"

namespace slipway::cli {
namespace {

// Where the handler of signals writes to: it may do little else, and gets no argument of ours.
std::atomic<int>& wakeEnd() {
  static std::atomic<int> descriptor = -1;
  return descriptor;
}

void onSignal(int signal) {
  const auto byte = static_cast<char>(signal);
  [[maybe_unused]] const auto written = ::write(wakeEnd(), &byte, 1);
}

// While it is there, Ctrl-C first ends what goes on on the servers. One at a time.
class OnInterrupt {
 public:
  explicit OnInterrupt(std::function<void()> first) : first_(std::move(first)) {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) {
      return;
    }
    wakeEnd() = ends_[1];
    waiting_ = std::jthread([this] {
      char signal = 0;
      while (::read(ends_[0], &signal, 1) < 0 && errno == EINTR) {
      }
      if (signal != 0) {
        first_();
        std::_Exit(128 + signal);
      }
    });
    struct sigaction action {};
    action.sa_handler = onSignal;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals.at(i), &action, &before_.at(i));
    }
  }
  ~OnInterrupt() {
    if (!waiting_.joinable()) {
      return;
    }
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals.at(i), &before_.at(i), nullptr);
    }
    onSignal(0);
    waiting_.join();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  OnInterrupt(const OnInterrupt&) = delete;
  OnInterrupt& operator=(const OnInterrupt&) = delete;

 private:
  static constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGHUP};
  const std::function<void()> first_;
  std::array<int, 2> ends_{-1, -1};
  std::array<struct sigaction, kSignals.size()> before_{};
  std::jthread waiting_;
};

// One Operation, from its creation to its end.
class Asked {
 public:
  Asked(Context& context, client::ApiClient& api, const OperationRequest& request)
      : context_(context), api_(api), request_(request) {}

  Status create() {
    const OperationSpec& spec = request_.spec;
    const std::string about = spec.release.empty() ? "machines" : spec.release.substr(0, 200);
    key_ = {context_.ns(),
            cat(about, "-", lowerAscii(actionName(spec.action)), "-", newNameSuffix(context_.random(), 6))};
    ObjectMeta meta;
    meta.name = key_.name;
    meta.ns = key_.ns;
    Json object = newObject(kOperation, meta);
    object["spec"] = toJson(spec);
    const Result<ObjectPtr> made = api_.create(kOperation, object);
    return made.status();
  }

  // Until `enough` of it; nothing when the time was over before.
  Result<std::optional<Operation>> await(const std::function<bool(const Operation&)>& enough) {
    const SteadyTime deadline = context_.clock().steady() + request_.wait;
    client::ResourceWatch watch(api_, context_.clock(), kOperation, key_);
    while (request_.wait == Duration(0) || context_.clock().steady() < deadline) {
      auto event = watch.next(std::chrono::seconds(5));
      SLIPWAY_RETURN_IF_ERROR(event.status());
      if (!*event) {
        continue;
      }
      if ((*event)->type == WatchEvent::Type::Deleted) {
        return Status(Code::NotFound, cat("operation ", key_.name, " was deleted"));
      }
      Result<Operation> operation = operationFromJson(*(*event)->object);
      SLIPWAY_RETURN_IF_ERROR(operation.status());
      object_ = (*event)->object;
      if (enough(*operation)) {
        return std::optional<Operation>(std::move(*operation));
      }
    }
    return std::optional<Operation>();
  }

  void remove() { (void)api_.remove(kOperation, key_, ""); }
  const ObjectKey& key() const { return key_; }
  const ObjectPtr& object() const { return object_; }

 private:
  Context& context_;
  client::ApiClient& api_;
  const OperationRequest& request_;
  ObjectKey key_;
  ObjectPtr object_;
};

int codeOf(const Operation& operation) {
  const bool deviates = operation.spec.action == OperationAction::Permissions && !operation.spec.fix &&
                        std::any_of(operation.status.targets.begin(), operation.status.targets.end(),
                                    [](const OperationTarget& target) { return !target.facts.empty(); });
  return operation.status.phase == OperationPhase::Succeeded && !deviates ? kConverged : kFailed;
}

int show(Context& context, client::ApiClient& api, const OperationRequest& request, const Asked& asked,
         const Operation& operation) {
  if (request.form == OutputForm::Json || request.form == OutputForm::Yaml) {
    context.print(documentText(*asked.object(), request.form));
    return codeOf(operation);
  }
  if (operation.status.phase == OperationPhase::Refused) {
    return context.fail({Code::Conflict, operation.status.message});
  }
  if (operation.spec.action == OperationAction::Logs) {
    std::vector<std::string> servers;
    for (const OperationTarget& target : operation.status.targets) {
      servers.push_back(target.name);
    }
    const int printed = printServerLogs(context, api, {kOperation, asked.key(), false}, servers);
    context.print(operationText(operation, context.clock().wall()));
    return printed == kConverged ? codeOf(operation) : printed;
  }
  context.print(operationText(operation, context.clock().wall()));
  if (operation.spec.changes()) {
    context.note(operation.status.message);
  }
  return codeOf(operation);
}

int follow(Context& context, client::ApiClient& api, Asked& asked) {
  const auto begun = asked.await([](const Operation& one) { return one.status.phase != OperationPhase::Pending; });
  if (!begun || !*begun) {
    return context.fail(begun ? Status(Code::Timeout, "the controller has not begun; is it running?") : begun.status());
  }
  if ((*begun)->status.phase == OperationPhase::Refused) {
    return context.fail({Code::Conflict, (*begun)->status.message});
  }
  std::vector<std::string> servers;
  for (const OperationTarget& target : (*begun)->status.targets) {
    servers.push_back(target.name);
  }
  const int printed = printServerLogs(context, api, {kOperation, asked.key(), true}, servers);
  const auto ended = asked.await([](const Operation& one) { return hasEnded(one.status.phase); });
  if (!ended || !*ended) {
    return printed;
  }
  context.print(operationText(**ended, context.clock().wall()));
  return codeOf(**ended);
}

}  // namespace

int operate(Context& context, OperationRequest request) {
  auto api = context.client();
  if (!api) {
    return context.fail(api.status());
  }
  request.spec.requestedBy = context.who();
  Asked asked(context, **api, request);
  if (const Status created = asked.create(); !created) {
    return context.fail(created);
  }
  const bool looks = !request.spec.changes();
  std::optional<OnInterrupt> guard;
  if (looks) {
    guard.emplace([&asked] { asked.remove(); });
  }
  if (request.spec.follow) {
    const int code = follow(context, **api, asked);
    asked.remove();
    return code;
  }
  const auto ended = asked.await([](const Operation& one) { return hasEnded(one.status.phase); });
  int code = kTimedOut;
  if (!ended) {
    code = context.fail(ended.status());
  } else if (!*ended) {
    context.note(cat("operation ", asked.key().name, " has not ended in ", formatDuration(request.wait),
                     looks ? "" : cat("; it goes on: slipway get operation ", asked.key().name, " -o yaml")));
  } else {
    code = show(context, **api, request, asked, **ended);
  }
  if (looks) {
    asked.remove();
  }
  return code;
}

}  // namespace slipway::cli
