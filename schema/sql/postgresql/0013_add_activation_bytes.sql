-- What a path's plan needs for values between its inputs and outputs, workspace included, on all devices.

alter table path_measurement add column activation_bytes bigint;   -- Null: of a time before this column.
