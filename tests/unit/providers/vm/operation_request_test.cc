#include "providers/vm/operation_request.h"

#include <gtest/gtest.h>

#include "providers/vm/host_request.h"

namespace slipway::vm {
namespace {

using namespace std::chrono_literals;

ServerOperation operation(const std::string& verb) {
  ServerOperation out;
  out.operationId = "op.processes.web1.1";
  out.application = "default/shop";
  out.layout.root = "/srv/app";
  out.verb = verb;
  return out;
}

TEST(OperationRequest, BringsItsOwnScriptsAndNoStepDoes) {
  const std::string plain = operationScript(std::nullopt);
  EXPECT_NE(plain.find("viewProcesses()"), std::string::npos);
  EXPECT_EQ(hostScript(ObserveStep{}).find("viewProcesses()"), std::string::npos);
  EXPECT_EQ(plain.find("jlist"), std::string::npos);
  EXPECT_NE(operationScript(Pm2App{}).find("jlist"), std::string::npos);
  EXPECT_EQ(operationScript(Pm2App{}).find("journalctl"), std::string::npos);
}

TEST(OperationRequest, RefusesWhatCannotBeSent) {
  ServerOperation logs = operation("logs");
  logs.words = {"Combined", "50"};
  EXPECT_TRUE(encodeOperation(logs, 10s));
  logs.words = {std::string("a\0b", 3)};
  EXPECT_NE(encodeOperation(logs, 10s).status().message().find("NUL"), std::string::npos);
  logs.words.clear();
  logs.releaseId = "../1";
  EXPECT_NE(encodeOperation(logs, 10s).status().message().find("version"), std::string::npos);
  logs.releaseId.clear();
  logs.layout.root = "/";
  EXPECT_NE(encodeOperation(logs, 10s).status().message().find("layout.root"), std::string::npos);
}

}  // namespace
}  // namespace slipway::vm
