#include "cmd/slipway/views/run_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

Json json(std::string_view text) {
  auto parsed = parseJson(text);
  EXPECT_TRUE(parsed) << parsed.status().toString();
  return parsed.valueOr(Json());
}

const WallTime kNow = *parseTime("2026-01-01T00:10:00Z");

TEST(RunDescription, TellsStatesDecisionsStepsAndEvents) {
  const Json run = json(R"({"metadata":{"name":"shop-7","namespace":"default"},
    "spec":{"releaseRef":{"name":"shop","generation":4},"reason":"Apply","version":"2",
            "template":{"strategy":{"type":"Canary"}}},
    "status":{"phase":"RolledBack","outcome":"RolledBack","message":"web2 failed its check","revisionDisplay":"v2 abc",
      "startedAt":"2026-01-01T00:00:00Z","finishedAt":"2026-01-01T00:01:10Z","skewMs":12,
      "decisions":{"commit":"2026-01-01T00:00:30Z","revert":"2026-01-01T00:01:00Z","revertReason":"VerifyFailed",
                   "revertMessage":"got status 503"},
      "waits":{"pause-1":{"startedAt":"2026-01-01T00:00:40Z","elapsedMs":5000}},
      "analyses":{"2":{"verdict":"Failed","at":"2026-01-01T00:01:00Z","message":"error rate 0.2"}},
      "traffic":{"number":3,"change":{"state":"Done"},"weight":{"requested":0,"set":0,"verified":0}},
      "transitions":[{"phase":"Pending","enteredAt":"2026-01-01T00:00:00Z","exitedAt":"2026-01-01T00:00:01Z","reason":"Made"},
                     {"phase":"RolledBack","enteredAt":"2026-01-01T00:01:10Z","reason":"VerifyFailed"}],
      "targets":[{"name":"web2","destination":"web","before":"1","slot":"green","bytesSent":42,
        "steps":{"verify":{"state":"Failed","tries":3,"durationMs":900,"operationId":"u.verify.web2.1",
                           "message":"got status 503","tail":"oops\nworse\n"}}}]}})");
  const ObjectPtr event = std::make_shared<const Json>(json(R"({"type":"Warning","reason":"RolledBack","count":2,
    "lastTimestamp":"2026-01-01T00:01:10Z","message":"run shop-7 rolled back"})"));
  const std::string text = describeRun(run, {event}, kNow);
  for (const char* part :
       {"Run:          shop-7\n", "Release:      shop, generation 4\n", "Strategy:     Canary\n",
        "Ended:        2026-01-01T00:01:10Z (8m50s ago), after 1m10s\n", "Outcome:      RolledBack\n",
        "Traffic:      change 3 Done: asked 0%, set 0%, read back 0% on the new version\n",
        "VerifyFailed: got status 503", "pause-1", "error rate 0.2",
        "  web/web2  before 1  slot green  sent 42 bytes\n", "u.verify.web2.1", "      | worse\n",
        "run shop-7 rolled back"}) {
    EXPECT_THAT(text, HasSubstr(part)) << text;
  }
}

TEST(RunDescription, IsShortForARunThatHasOnlyBegunAndSafeForATerminal) {
  const Json run = json(R"({"metadata":{"name":"shop-7"},"spec":{"releaseRef":{"name":"shop"},"version":"2"},
    "status":{"phase":"Pending","message":"a\u001b[31mb"}})");
  const std::string text = describeRun(run, {}, kNow);
  EXPECT_THAT(text, HasSubstr("Outcome:      none yet: Pending\n"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("Servers")));
  EXPECT_THAT(text, Not(HasSubstr("Events")));
}

TEST(RunDescription, TellsWhatWasAskedOfARelease) {
  const Json release = json(R"({"metadata":{"name":"shop","namespace":"default"},
    "status":{"phase":"Ready","versions":{"applied":"2","stable":"2"},
      "conditions":[{"type":"Ready","status":"True","reason":"Completed","message":"all servers"}],
      "handledRequests":{"rollback":{"token":"t","result":"Accepted","at":"2026-01-01T00:00:00Z"}},
      "history":[{"version":"2","run":"shop-7","outcome":"Completed","finishedAt":"2026-01-01T00:01:10Z"}]}})");
  const std::string text = describeRelease(release, {}, kNow);
  for (const char* part : {"Stable:       2\n", "Completed", "rollback   2026-01-01T00:00:00Z (10m0s ago)   Accepted",
                           "History:\n  VERSION", "shop-7"}) {
    EXPECT_THAT(text, HasSubstr(part)) << text;
  }
}

}  // namespace
}  // namespace slipway::cli
