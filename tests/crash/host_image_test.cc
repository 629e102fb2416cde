#include <algorithm>
#include <filesystem>
#include <sstream>

#include <gtest/gtest.h>

#include "providers/vm/ssh_vm_provider.h"
#include "tests/support/fake_artifact.h"
#include "tests/support/host_shells.h"
#include "tests/support/local_command_runner.h"
#include "tests/support/step_driver.h"
#include "tests/support/temp_dir.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

// Stands before every program that the host script runs: writes it down, and at a given number ends the whole host. A
// tree that is being removed has lost a file by then: a removal is not one moment.
constexpr const char* kWrapper = R"(#!/bin/sh
d=${0%/bin/*}
read -r k <"$d/kill" || exit 1
[ "$k" != never ] || exec "/usr/bin/${0##*/}" "$@"
echo "${0##*/} $*" >>"$d/count"
[ -e "$d/count" ] || exit 1
n=0
while read -r line; do n=$((n + 1)); done <"$d/count"
if [ "$n" -ge "$k" ]; then
  : >"$d/killed"
  case "${0##*/} $*" in
    "rm -rf "*) /usr/bin/find "$2" -type f ! -path '*/.slipway-release/*' 2>/dev/null | {
      read -r victim && /usr/bin/rm -f "$victim"
    } ;;
  esac
  for p in $(/usr/bin/grep -lsz "$d/bin" /proc/[0-9]*/environ); do
    p=${p#/proc/}
    p=${p%/environ}
    [ "$p" = $$ ] || kill -9 "$p"
  done
  kill -9 $$
fi
exec "/usr/bin/${0##*/}" "$@"
)";

constexpr const char* kPrograms[] = {"awk",   "cat",   "chmod", "comm",  "cp",   "date",      "dd",       "df",
                                     "find",  "flock", "grep",  "head",  "ln",   "ls",        "mkdir",    "mv",
                                     "rm",    "rmdir", "sed",   "sort",  "sync", "sha256sum", "readlink", "setsid",
                                     "sleep", "tail",  "tar",   "touch", "tr",   "wc"};

// A host that can be ended before any program that a step starts, and looked at afterwards.
class HostImages : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(dir_ / "bin");
    for (const char* name : kPrograms) {
      if (!fs::exists(std::string("/usr/bin/") + name)) GTEST_SKIP() << "/usr/bin/" << name << " is not installed";
      write(std::string("bin/") + name, kWrapper);
      fs::permissions(dir_ / "bin/" + name, fs::perms::owner_all);
    }
    calm();
  }
  void TearDown() override { endProcesses(); }

  void write(const std::string& name, const std::string& text) const { std::ofstream(dir_ / name) << text; }
  void calm() const { write("kill", "never\n"); }
  // Everything that still runs of the dead host.
  void endProcesses() const {
    const std::string mark = dir_ / "bin";
    for (bool some = true; some;) {
      some = false;
      for (const auto& entry : fs::directory_iterator("/proc")) {
        const std::string id = entry.path().filename().string();
        if (id.find_first_not_of("0123456789") != std::string::npos || std::stoi(id) == ::getpid()) continue;
        if (readFile(entry.path().string() + "/environ").find(mark) == std::string::npos) continue;
        ::kill(std::stoi(id), SIGKILL);
        some = true;
      }
    }
  }

  StepResult run(const std::string& operation, const StepAction& action) { return driver_->run(operation, action); }
  // The number of the first program after `from` that is called like that, in the step that was last ended; 0: none.
  int programOf(const std::string& call, int from = 0) const {
    std::istringstream lines(readFile(dir_ / "count"));
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      if (++number > from && line.starts_with(call)) return number;
    }
    return 0;
  }
  // False: it came to its end before that many programs.
  bool crashAt(int program, const std::string& operation, const StepAction& action) {
    fs::remove(dir_ / "killed");
    write("count", "");
    write("kill", std::to_string(program) + "\n");
    run(operation, action);
    const bool killed = fs::exists(dir_ / "killed");
    endProcesses();
    calm();
    ++crashes_;
    return killed;
  }

  PrepareStep preparation(const std::string& id) const {
    PrepareStep step{.releaseId = id, .identity = "v1:" + id, .artifact = nullptr, .build = {}};
    step.artifact =
        std::make_shared<FakeArtifact>(std::map<std::string, FakeArtifact::File>{{"id", {id}}, {"more/of", {"it"}}});
    BuildStep make;
    make.name = "make";
    make.run = "mkdir -p out && echo built >out/result";
    BuildStep hook;
    hook.name = "hook";
    hook.run = "echo ran >>../../../hook.log; mkdir -p after";
    hook.idempotent = false;
    step.build = {make, hook};
    return step;
  }
  void prepare(const std::string& id) {
    const StepResult result = run("prepare-" + id, preparation(id));
    ASSERT_EQ(result.outcome, StepResult::Outcome::Done) << result.status.toString();
    digests_[id] = result.digest;
  }
  void flip(const std::string& id) {
    const StepResult result = run("run-1.switch-" + id, SwitchStep{id, digests_[id]});
    ASSERT_EQ(result.outcome, StepResult::Outcome::Done) << result.status.toString();
  }
  // Release 1 was live before 2, which is live.
  void twoLive() {
    for (const char* id : {"1", "2"}) {
      prepare(id);
      flip(id);
      if (HasFatalFailure()) return;
    }
  }
  void save(const std::string& as = "saved") {
    fs::remove_all(dir_ / as);
    fs::copy(driver_->root(), dir_ / as, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  }
  void restore(const std::string& from = "saved") {
    fs::remove_all(driver_->root());
    fs::copy(dir_ / from, driver_->root(), fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  }

  std::string at(const std::string& path) const { return driver_->root() + "/" + path; }
  std::string link(const std::string& name) const {
    std::error_code ignored;
    return fs::path(fs::read_symlink(at(name + "-production"), ignored)).filename().string();
  }
  // What must hold of a host whenever one looks.
  void expectSound(const std::string& when) {
    for (const char* name : {"current", "previous"}) {
      ASSERT_FALSE(link(name).empty()) << name << " is gone " << when;
      ASSERT_EQ(readFile(at(std::string(name) + "-production/id")), link(name)) << name << " dangles " << when;
    }
    const StepResult seen = run("look-" + std::to_string(++looks_), ObserveStep{});
    ASSERT_EQ(seen.outcome, StepResult::Outcome::Done) << seen.status.toString();
    ASSERT_EQ(seen.observed.problem, "") << when;
    for (const auto& release : seen.observed.releases) {
      if (!release.ready) continue;
      const std::string folder = "releases/production/" + release.id;
      ASSERT_EQ(readFile(at(folder + "/id")), release.id) << "half a release is ready " << when;
      ASSERT_EQ(readFile(at(folder + "/more/of")), "it") << "half a release is ready " << when;
      ASSERT_EQ(readFile(at(folder + "/out/result")), "built\n") << "half a release is ready " << when;
      if (digests_.contains(release.id)) {
        ASSERT_EQ(release.digest, digests_[release.id]) << when;
      }
    }
  }
  std::size_t hooksRun() const {
    const std::string log = readFile(at("hook.log"));
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), '\n'));
  }
  // A stride over the crash points for every run; all of them with SLIPWAY_CRASH_STRIDE=1.
  static int stride(int usual) {
    const char* given = std::getenv("SLIPWAY_CRASH_STRIDE");
    return given == nullptr ? usual : std::max(1, std::atoi(given));
  }

  TempDir dir_;
  std::unique_ptr<Clock> clock_ = newSystemClock();
  NullMetrics metrics_;
  NullLogger log_;
  LocalCommandRunner runner_{{"/bin/sh"}, dir_ / "bin"};
  std::unique_ptr<Provider> provider_ = vm::newSshVmProvider(runner_, *clock_, metrics_, log_);
  std::unique_ptr<StepDriver> driver_ = std::make_unique<StepDriver>(*provider_, *clock_, dir_ / "app");
  std::map<std::string, std::string> digests_;
  int crashes_ = 0;
  int looks_ = 0;
};

TEST_F(HostImages, APreparationThatIsCutAnywhereIsNeverHalfReadyAndRunsItsHookAtMostOnce) {
  twoLive();
  if (HasFatalFailure()) return;
  save();
  const std::size_t hooks = hooksRun();
  // Once to its end, to know which programs are those of the build.
  ASSERT_FALSE(crashAt(1'000'000, "op-3", preparation("3")));
  std::vector<int> points{programOf("mkdir -p out"), programOf("mkdir -p after")};
  ASSERT_GT(points[0], 0);
  ASSERT_GT(points[1], points[0]);
  for (int program = 1; programOf("", program - 1) > 0; program += stride(9)) points.push_back(program);
  restore();
  for (const int program : points) {
    if (!crashAt(program, "op-3", preparation("3"))) {
      restore();
      continue;
    }
    const std::string when = "after a crash at program " + std::to_string(program);
    ASSERT_EQ(link("current"), "2") << when;
    expectSound(when);
    if (HasFatalFailure()) return;
    const StepResult again = run("op-3", preparation("3"));
    ASSERT_LE(hooksRun(), hooks + 1) << when;
    if (again.outcome == StepResult::Outcome::Unknown) {
      ASSERT_EQ(again.status.code(), Code::OutcomeUnknown) << when;
      ASSERT_FALSE(fs::exists(at("releases/production/3/.slipway-release/ready"))) << when;
    } else {
      ASSERT_EQ(again.outcome, StepResult::Outcome::Done) << again.status.toString() << " " << when;
      ASSERT_EQ(hooksRun(), hooks + 1) << when;
      const StepResult checked = run("check", CheckStep{"3", again.digest, {}, {}});
      ASSERT_EQ(checked.outcome, StepResult::Outcome::Done) << checked.status.toString() << " " << when;
    }
    restore();
  }
  EXPECT_GT(crashes_, 4);
}

TEST_F(HostImages, ASwitchThatIsCutAnywhereCanBeRepeatedOrUndone) {
  twoLive();
  prepare("3");
  if (HasFatalFailure()) return;
  save();
  const SwitchStep step{"3", digests_["3"]};
  for (int program = 1; crashAt(program, "run-1.switch", step); program += stride(1)) {
    const std::string when = "after a crash at program " + std::to_string(program);
    ASSERT_TRUE(link("current") == "2" || link("current") == "3") << when;
    expectSound(when);
    if (HasFatalFailure()) return;
    save("crashed");
    for (const bool repeated : {false, true}) {
      if (repeated) {
        restore("crashed");
        const StepResult again = run("run-1.switch", step);
        ASSERT_EQ(again.outcome, StepResult::Outcome::Done) << again.status.toString() << " " << when;
        ASSERT_EQ(link("current") + link("previous"), "32") << when;
      }
      const StepResult undone = run("run-1.undo", UndoStep{"3", "2"});
      ASSERT_EQ(undone.outcome, StepResult::Outcome::Done) << undone.status.toString() << " " << when;
      ASSERT_EQ(link("current") + link("previous"), "21") << when << (repeated ? " and a repetition" : "");
      expectSound(when);
      if (HasFatalFailure()) return;
    }
    restore();
  }
  EXPECT_GT(crashes_, 8);
}

TEST_F(HostImages, AnUndoThatIsCutAnywhereCanBeRepeated) {
  twoLive();
  prepare("3");
  flip("3");
  if (HasFatalFailure()) return;
  save();
  for (int program = 1; crashAt(program, "run-1.undo", UndoStep{"3", "2"}); program += stride(1)) {
    const std::string when = "after a crash at program " + std::to_string(program);
    expectSound(when);
    if (HasFatalFailure()) return;
    const StepResult again = run("run-1.undo", UndoStep{"3", "2"});
    ASSERT_EQ(again.outcome, StepResult::Outcome::Done) << again.status.toString() << " " << when;
    ASSERT_EQ(link("current") + link("previous"), "21") << when;
    restore();
  }
  EXPECT_GT(crashes_, 8);
}

// Of a run that ended before its switch; an earlier one had brought the version there.
TEST_F(HostImages, AnUndoOfARunThatDidNotSwitchMovesNothing) {
  twoLive();
  if (HasFatalFailure()) return;
  const StepResult undone = run("run-2.undo", UndoStep{"1", "2"});
  ASSERT_EQ(undone.outcome, StepResult::Outcome::Done) << undone.status.toString();
  EXPECT_EQ(link("current") + link("previous"), "21");
}

TEST_F(HostImages, RetentionThatIsCutAnywhereLeavesWhatIsLiveAndWhatIsKept) {
  twoLive();
  for (const char* id : {"3", "4", "5"}) prepare(id);
  if (HasFatalFailure()) return;
  save();
  for (int program = 1; crashAt(program, "op-retire", RetireStep{{"4"}}); program += stride(1)) {
    const std::string when = "after a crash at program " + std::to_string(program);
    expectSound(when);
    if (HasFatalFailure()) return;
    ASSERT_EQ(run("check", CheckStep{"4", digests_["4"], {}, {}}).outcome, StepResult::Outcome::Done) << when;
    if (programOf("rm -rf", program - 1) == program) {  // what was half removed is made anew, and whole
      save("crashed");
      for (const char* id : {"3", "5"}) {
        const StepResult anew = run(std::string("anew-") + id, preparation(id));
        ASSERT_EQ(anew.outcome, StepResult::Outcome::Done) << anew.status.toString() << " " << when;
        ASSERT_EQ(anew.digest, digests_[id]) << when;
      }
      expectSound(when);
      restore("crashed");
    }
    ASSERT_EQ(run("op-retire", RetireStep{{"4"}}).outcome, StepResult::Outcome::Done) << when;
    std::vector<std::string> left;
    for (const auto& entry : fs::directory_iterator(at("releases/production"))) left.push_back(entry.path().filename());
    std::sort(left.begin(), left.end());
    ASSERT_EQ(left, (std::vector<std::string>{"1", "2", "4"})) << when;
    ASSERT_EQ(run("check", CheckStep{"4", digests_["4"], {}, {}}).outcome, StepResult::Outcome::Done) << when;
    restore();
  }
  EXPECT_GT(crashes_, 8);
}

}  // namespace
}  // namespace slipway
