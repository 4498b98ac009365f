#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"

namespace paceline {
namespace {

struct KernelArguments {
  std::string op;
  bool json = false;
};

std::string dtypes_of(const KernelInfo& info) {
  std::string text;
  for (const Dtype dtype : info.accepts.dtypes) {
    if (!text.empty()) text += ",";
    text += to_string(dtype);
  }
  return text;
}

std::vector<KernelInfo> selected(const KernelArguments& arguments) {
  if (!arguments.op.empty()) ops::all_ops().get(arguments.op);  // Throws for an unknown name.
  std::vector<KernelInfo> infos;
  for (const Kernel& kernel : kernels::all_kernels()) {
    if (arguments.op.empty() || kernel.info.op == arguments.op) infos.push_back(kernel.info);
  }
  return infos;
}

void print_json(const std::vector<KernelInfo>& infos) {
  nlohmann::json list = nlohmann::json::array();
  for (const KernelInfo& info : infos) {
    list.push_back({{"name", info.name},
                    {"id", info.id().to_string()},
                    {"op", info.op},
                    {"library", info.library},
                    {"library_version", info.library_version},
                    {"device", to_string(info.device)},
                    {"precision", to_string(info.precision)},
                    {"dtypes", dtypes_of(info)},
                    {"plain", info.is_plain}});
  }
  fmt::print("{}\n", list.dump(2));
}

void show(const KernelArguments& arguments) {
  const std::vector<KernelInfo> infos = selected(arguments);
  if (arguments.json) return print_json(infos);
  std::vector<std::vector<std::string>> rows;
  for (const KernelInfo& info : infos) {
    rows.push_back({info.name, info.op, info.library, std::string(to_string(info.precision)),
                    dtypes_of(info)});
  }
  fmt::print("{}", format_table({"kernel", "op", "library", "precision", "dtypes"}, rows));
}

}  // namespace

void add_kernel_command(CLI::App& app) {
  auto arguments = std::make_shared<KernelArguments>();
  CLI::App* command = app.add_subcommand("kernel", "The kernels that this machine can run");
  command->add_option("--op", arguments->op, "Only kernels of this op");
  command->add_flag("--json", arguments->json, "One JSON document");
  command->callback([arguments] { show(*arguments); });
}

}  // namespace paceline
