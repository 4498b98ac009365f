#pragma once

namespace CLI {
class App;
}

namespace paceline {

// Each adds one subcommand to `app`; its callback does the work and throws Error.
void add_run_command(CLI::App& app);
void add_generate_command(CLI::App& app);
void add_explain_command(CLI::App& app);
void add_paths_command(CLI::App& app);
void add_measure_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_campaign_command(CLI::App& app);
void add_fleet_command(CLI::App& app);
void add_store_command(CLI::App& app);
void add_machine_command(CLI::App& app);
void add_kernel_command(CLI::App& app);
void add_doctor_command(CLI::App& app);

}  // namespace paceline
