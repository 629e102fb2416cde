#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "tests/sim/host/sim_host.h"

namespace slipway::sim {

// The near end of a host script's channel: called at once, without delay; the connection adds that. After close() of
// the script nothing is called any more.
struct HostChannel {
  std::function<void(std::string)> output;
  std::function<void(std::string)> error;
  std::function<void(int)> exit;  // 255: the host went down
};

// A run of the host script (providers/vm/host) on a simulated host: reads the same framed request and answers in the
// same words, with the same files, locks and order of effects. Each part that another could see in between is an event
// of its own, so a restart or another script may come between any two.
class HostScript : public std::enable_shared_from_this<HostScript> {
 public:
  struct Request {
    std::string kind;
    std::string operation;
    std::string root;
    std::string environment;
    std::string application;
    std::uint64_t fence = 0;
    std::int64_t seconds = 0;
    std::int64_t lockWait = 0;
  };
  struct Build {
    std::string name;
    std::string run;
    std::int64_t timeout = 0;
    bool idempotent = true;
    std::map<std::string, std::string> env;
  };

  HostScript(SimHost& host, HostChannel channel);

  // Bytes from the controller; the first ones begin the script.
  void input(std::string_view bytes);
  void closeInput();
  // The connection is gone: nobody reads any more, standard input ends.
  void hangUp();
  // Killed, with everything of it: no clean-up runs.
  void die();
  // Kills the command that runs under this operation; what AbortStep does.
  void killCommand();

  const Request& request() const { return request_; }
  const std::string& release() const { return release_; }
  const std::string& wantedDigest() const { return wantedDigest_; }
  const std::string& link(const std::string& name) const;
  std::string releaseDir() const;

 private:
  using Next = std::function<void()>;
  struct Marker {
    std::string identity, digest, delivered, artifact;
  };

  // Protocol.
  std::optional<std::string> field();
  bool take(std::string& into);
  bool takeList(std::vector<std::string>& into);
  bool takeManager();
  bool readRequest();
  bool readArguments();
  void begin();
  void run();
  void say(std::string_view line);
  void flush();
  void pause(Next next);
  std::string render(const std::string& outcome, const std::string& code, const std::string& message) const;
  void answer(const std::string& outcome, const std::string& code, const std::string& message);
  void done(const std::string& message);
  void refuse(const std::string& code, const std::string& message);
  void refuseFull(const std::string& message);
  void giveWay();
  void unknown(const std::string& message);
  void leave(int code = 0);

  // Locks and fencing.
  bool makeDirectories();
  void lockWithin(const std::string& path, std::int64_t seconds, Next locked, Next given);
  void enter(Next next);
  bool checkFence();
  std::uint64_t seenFence() const;

  // Links and content.
  // "current", "previous", or "@blue" for a slot's own.
  std::string linkFile(const std::string& name) const;
  std::string rawLink(const std::string& name) const;
  std::string liveSlot() const;
  bool setLiveSlot(const std::string& slot);
  void sayLiveSlot();
  bool refuseUnprepared();
  std::string idOf(const std::string& raw) const;
  bool refuseForeign();
  bool placeLink(const std::string& name);
  bool restoreLink(const std::string& raw, const std::string& name);
  bool journal(const std::string& word, const std::string& current, const std::string& previous);
  struct Intent {
    std::string state, current, previous;
  };
  std::optional<Intent> lastIntent(const std::string& release, const std::string& run) const;
  std::vector<std::string> treeLines(const std::string& directory) const;
  std::string digestOf(const std::vector<std::string>& lines) const;
  std::vector<std::string> deliveredLines(const std::string& directory, const std::vector<std::string>& lines) const;
  std::optional<Marker> readMarker(const std::string& directory) const;
  bool treeIntact(const std::string& directory, const Marker& marker) const;
  bool writeMarker();
  void touchRelease();
  bool discard(const std::string& directory);

  // Operations.
  bool rejoin();
  bool openOperation();
  void supervise(Next body);
  void progress(const std::string& name);
  void printed(std::string_view text);
  void conclude();
  void superviseEnded();
  void userCommand(const Build& build, const std::string& directory, Next ended);
  void watchCommand(std::int64_t seconds);
  bool refuseFailed(const std::string& what, const std::string& code);

  // The steps.
  void observe();
  void prepare();
  void prepareLocked();
  std::optional<bool> resumable();
  void makeReady();
  bool existing();
  void receiveArtifact();
  void takeManifest();
  void awaitArchive();
  void chooseBase(const std::set<std::string>& wanted);
  void askForMissing(const std::set<std::string>& wanted);
  void removeWithParents(std::string path, const std::string& top);
  void storeArtifact();
  void beginWork();
  bool unpack();
  bool verifyArtifact(std::string& stray) const;
  void prepareBody();
  void linkShared(std::size_t at);
  bool linkOne(const std::string& path);
  void buildStep(std::size_t at);
  bool required(const std::string& directory);
  void check();
  void verify();
  void process();
  void hook();
  void hookBody();
  void commandBody(const std::string& what, const std::string& directory, const std::string& okay);
  void checkBody();
  std::string processTrouble() const;
  void switchOver();
  bool arm();
  void disarm();
  void awaitGo();
  void guardFired();
  void flip();
  void flipCurrent(const std::string& target);
  void undo();
  void place();
  void placed();
  void retire();
  void retireRecords();
  void abort();
  void awaitAborted(const std::string& victimDir, SteadyTime patience);

  SimHost& host_;
  HostChannel channel_;
  std::string in_;
  std::size_t at_ = 0;
  bool begun_ = false;
  bool eof_ = false;
  bool hungUp_ = false;
  bool over_ = false;
  std::string out_;
  Next waiting_;  // for more input

  Request request_;
  std::string state_, opDir_, release_, identity_, artifact_, wantedDigest_, restoreTo_, action_, victim_, container_,
      manager_, minUptime_;
  std::string slot_, port_, newSlot_;
  std::vector<std::string> sharedDirectories_, sharedFiles_, required_, keep_;
  std::vector<Build> builds_;
  Build command_;
  SteadyTime deadline_{};

  std::string phase_, digest_, tail_;
  int exitCode_ = -1;
  bool already_ = false;
  bool keepRecord_ = true;
  bool recording_ = false;
  bool timedOut_ = false;
  std::int64_t limit_ = 0;
  std::size_t tailFrom_ = 0;
  std::shared_ptr<ShellProcess> user_;
  std::vector<std::weak_ptr<HostScript>> followers_;
  std::string oldCurrent_, oldPrevious_, base_;
  bool toCome_ = false;
  bool armedWaiting_ = false;
};

// The manifest of an archive, and its entries: what tar(1) would unpack. Stops at the first broken header.
struct TarEntry {
  std::string path;
  std::string content;  // or the link's target
  bool executable = false;
  bool link = false;
  bool directory = false;
};
std::vector<TarEntry> readTar(std::string_view archive);

}  // namespace slipway::sim
