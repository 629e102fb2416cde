#include "reconciler/release/room.h"

#include <memory>

#include "reconciler/base/strings.h"

namespace slipway::release {
namespace {

std::string inKib(std::int64_t bytes) { return bytes < 0 ? "unknown" : cat(bytes / 1024, " KiB"); }

// Three steps, one after another; holds itself alive through the events of the step that runs.
class RoomMaking : public std::enable_shared_from_this<RoomMaking> {
 public:
  RoomMaking(Provider& provider, StepRequest retire, std::function<void(std::string, StepResult)> done)
      : provider_(provider), retire_(std::move(retire)), done_(std::move(done)) {}

  void begin() {
    run("before", ObserveStep{}, [](RoomMaking& self, StepResult seen) {
      self.before_ = seen.observed.freeBytes;
      self.run("retire", self.retire_.action,
               [](RoomMaking& that, StepResult) { that.run("after", ObserveStep{}, &RoomMaking::end); });
    });
  }

 private:
  using Next = void (*)(RoomMaking&, StepResult);

  void run(const char* part, StepAction action, Next next) {
    StepRequest request = retire_;
    request.operationId = cat(retire_.operationId, ".", part);
    request.action = std::move(action);
    StepEvents events;
    events.output = [](const StepRequest&, std::string_view) {};
    events.progress = [](const StepRequest&, const std::string&) {};
    events.done = [self = shared_from_this(), next](const StepRequest&, StepResult result) {
      if (result.outcome != StepResult::Outcome::Done) {
        self->done_(self->retire_.operationId, std::move(result));
      } else {
        next(*self, std::move(result));
      }
    };
    provider_.start({std::move(request)}, std::move(events));
  }

  static void end(RoomMaking& self, StepResult seen) {
    seen.status = Status(Code::Ok, cat("free before: ", inKib(self.before_),
                                       ", after old releases were removed: ", inKib(seen.observed.freeBytes)));
    self.done_(self.retire_.operationId, std::move(seen));
  }

  Provider& provider_;
  const StepRequest retire_;
  const std::function<void(std::string, StepResult)> done_;
  std::int64_t before_ = -1;
};

}  // namespace

void makeRoom(Provider& provider, StepRequest retire, std::function<void(std::string, StepResult)> done) {
  std::make_shared<RoomMaking>(provider, std::move(retire), std::move(done))->begin();
}

}  // namespace slipway::release
