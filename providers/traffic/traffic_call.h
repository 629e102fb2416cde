#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "providers/traffic/dialect.h"
#include "providers/transport/task_queue.h"
#include "reconciler/base/clock.h"
#include "reconciler/ports/command_runner.h"

namespace slipway::traffic {

struct CallContext {
  CommandRunner& runner;
  Clock& clock;
  std::shared_ptr<transport::TaskQueue::Mailbox> queue;  // everything of a call happens there
};

// One request: looks, changes, and looks again until the proxy is seen to do what is wanted. Used on its queue only.
class TrafficCall : public std::enable_shared_from_this<TrafficCall> {
 public:
  using Done = std::function<void(TrafficCall&, TrafficResult)>;

  TrafficCall(CallContext context, TrafficRequest request, Done done);

  void start();
  // Ends it with Refused where nothing was changed, else with Unknown.
  void cancel(const Status& why);
  const TrafficRequest& request() const { return request_; }

 private:
  using Continue = void (TrafficCall::*)(const Result<std::string>& output);

  bool changes() const { return !std::holds_alternative<ReadTraffic>(request_.action); }
  bool restores() const { return std::holds_alternative<RestoreTraffic>(request_.action); }
  HostArguments host() const;
  void run(std::string input, Continue then);
  void look();
  void seen(const Result<std::string>& output);
  Status decide();
  void proceed();
  bool reached() const;
  void send(const Change& change);
  void answered(const Result<std::string>& output);
  void repaired(const Result<std::string>& output);
  Record recordFor(const Next& next) const;
  void observe();
  void lookAgain();
  void settle();
  void refuse(const Status& status);
  void finish(TrafficResult result);

  CallContext context_;
  TrafficRequest request_;
  Done done_;
  const Dialect& dialect_;
  SteadyTime begun_;
  SteadyTime changeBy_;                // until the proxy has it
  std::optional<SteadyTime> emptyBy_;  // of a drain: until then
  Duration pause_{};                   // before the next look
  std::shared_ptr<RemoteProcess> process_;
  std::string output_;
  Look look_;
  Sight sight_;
  std::optional<Wanted> wanted_;
  TrafficObservation observed_;
  Answer answer_;
  int refusals_ = 0;
  bool changed_ = false;  // something may have happened on the proxy's machine
  bool sending_ = false;  // a change is under way
  bool endedRecord_ = false;
  bool finished_ = false;
};

}  // namespace slipway::traffic
