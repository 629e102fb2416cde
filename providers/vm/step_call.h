#pragma once

#include <functional>
#include <memory>
#include <string>

#include "providers/transport/task_queue.h"
#include "providers/vm/artifact_stream.h"
#include "providers/vm/host_answer.h"
#include "reconciler/base/clock.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/provider.h"

namespace slipway::vm {

using transport::TaskQueue;

// What the calls of one provider share.
struct CallContext {
  CommandRunner& runner;
  Clock& clock;
  std::shared_ptr<TaskQueue::Mailbox> queue;     // everything of a call happens there
  std::shared_ptr<TaskQueue::Mailbox> spooling;  // reads artifacts: may block
  std::shared_ptr<SpoolCache> spools;            // used on `spooling` only
};

// One step on one target: a run of the host script, from the request to the result. Used on the provider's queue only.
class StepCall : public std::enable_shared_from_this<StepCall> {
 public:
  struct Hooks {
    std::function<void(StepCall&)> armed;             // a switch is ready to flip
    std::function<void(StepCall&, StepResult)> done;  // once, last
  };

  StepCall(CallContext context, StepRequest request, StepEvents events, Hooks hooks);

  // May come later than the call was made: the time for the step begins now.
  void start();
  // The armed switch flips.
  void flip();
  // Ends a call that has not changed anything yet with `why`; one that may have ends with Unknown.
  void cancel(Status why);
  // Ends at once with what is known now, without waiting for the target.
  void abandon();
  // Ends a call that was not started.
  void endWith(StepResult result) { finish(std::move(result)); }

  const StepRequest& request() const { return request_; }
  bool armed() const { return armed_; }
  bool flipped() const { return flipped_; }
  bool finished() const { return finished_; }

 private:
  void armInTime();
  void takeOutput(std::string_view bytes);
  void takeError(std::string_view bytes);
  void showOutput(std::string_view bytes);
  void react(HostAnswer::Event event);
  void sendManifest();
  void sendArtifact();
  void sendMore();
  void exited(const Result<int>& exit);
  StepResult withoutAnswer(const Result<int>& exit);
  bool changesTarget() const;
  void abortRemote();
  void finish(StepResult result);
  RemoteEvents remoteEvents();

  CallContext context_;
  StepRequest request_;
  StepEvents events_;
  Hooks hooks_;
  SteadyTime begun_;
  std::shared_ptr<RemoteProcess> process_;
  HostAnswer answer_;
  LineBuffer outputLines_;
  LineBuffer errorLines_;
  std::string errorTail_;
  std::shared_ptr<const TarSpool> spool_;
  std::uint64_t sent_ = 0;
  SteadyTime switchedAt_{};
  Status cancelled_;
  std::shared_ptr<StepCall> aborting_;  // ends what a call that timed out left running
  bool receiving_ = false;              // the target waits for files: it does nothing before it has all of them
  bool started_ = false;
  bool armed_ = false;
  bool flipped_ = false;
  bool finished_ = false;
};

}  // namespace slipway::vm
