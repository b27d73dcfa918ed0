%% SPDX-License-Identifier: Apache-2.0
%% The BEAM peer of build/bench/coppice_bench: the same benchmarks with the same arguments and the
%% same line of output. This module only finds the function; each family is a module of its own.
-module(coppice_bench).
-export([main/0]).

main() ->
    %% A supervisor's report of a killed child would be printed; no peer is timed while printing.
    logger:set_primary_config(level, none),
    [Name | Params] = init:get_plain_arguments(),
    Args = [parameter(P) || P <- Params],
    {_, Ref} = spawn_monitor(fun() -> run(Name, Args) end),
    receive
        {'DOWN', Ref, process, _, normal} ->
            halt(0);
        {'DOWN', Ref, process, _, Reason} ->
            io:format(standard_error, "benchmark ~s failed: ~p~n", [Name, Reason]),
            halt(1)
    end.

parameter(Text) ->
    try list_to_integer(Text)
    catch error:badarg -> list_to_atom(Text)
    end.

run(Name, Args) ->
    case find(Name) of
        {Module, Function} -> apply(Module, Function, Args);
        none -> io:format("benchmark=~s peer=otp25 skip=1~n", [Name])
    end.

find("ping_pong") -> {bench_messages, ping_pong};
find("ring") -> {bench_messages, ring};
find("big") -> {bench_messages, big};
find("chameneos") -> {bench_messages, chameneos};
find("selective") -> {bench_messages, selective};
find("call") -> {bench_servers, call};
find("call_full") -> {bench_servers, call_full};
find("call_infinity") -> {bench_servers, call_infinity};
find("call_many") -> {bench_servers, call_many};
find("cast") -> {bench_servers, cast};
find("selective_call") -> {bench_servers, selective_call};
find("spawn") -> {bench_spawn, spawn_exit};
find("fork_join") -> {bench_spawn, fork_join};
find("fork_join_raw") -> {bench_spawn, fork_join_raw};
find("timers") -> {bench_timers, timers};
find("timer_cancel") -> {bench_timers, timer_cancel};
find("sup_restart") -> {bench_supervisors, sup_restart};
find("sup_many") -> {bench_supervisors, sup_many};
find("sup_all") -> {bench_supervisors, sup_all};
find("fair_cpu") -> {bench_fairness, fair_cpu};
find("fair_block") -> {bench_fairness, fair_block};
find("tcp_echo_server") -> {bench_tcp, tcp_echo_server};
find("remote_node") -> {bench_remote, remote_node};
find("remote_call") -> {bench_remote, remote_call};
find("remote_call_many") -> {bench_remote, remote_call_many};
find("remote_bulk") -> {bench_remote, remote_bulk};
find("codec") -> {bench_remote, codec};
find("payload") -> {bench_payload, payload};
find("ets_insert") -> {bench_tables, ets_insert};
find("ets_read") -> {bench_tables, ets_read};
find("ets_write") -> {bench_tables, ets_write};
find("ets_counter") -> {bench_tables, ets_counter};
find("ets_ord_lookup") -> {bench_tables, ets_ord_lookup};
find("ets_ord_insert") -> {bench_tables, ets_ord_insert};
find("ets_ord_next") -> {bench_tables, ets_ord_next};
find("ets_select") -> {bench_tables, ets_select};
find("statem_call") -> {bench_tables, statem_call};
find("persistent_term") -> {bench_tables, persistent_term};
find(Name) when Name =:= "agent_get"; Name =:= "agent_update"; Name =:= "task_async";
                Name =:= "task_stream"; Name =:= "dynamic_start"; Name =:= "registry_lookup";
                Name =:= "registry_register"; Name =:= "registry_whereis";
                Name =:= "registry_dispatch" ->
    case application:ensure_all_started(elixir) of
        {ok, _} -> {'Elixir.BenchLibrary', list_to_atom(Name)};
        _ -> none
    end;
find(_) -> none.
