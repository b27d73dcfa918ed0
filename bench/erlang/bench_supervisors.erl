%% SPDX-License-Identifier: Apache-2.0
%% sup_restart, sup_many, sup_all. The module is the supervisor's callback module; the children are
%% bench_child.
-module(bench_supervisors).
-behaviour(supervisor).
-export([sup_restart/1, sup_many/1, sup_all/2]).
-export([init/1]).

init({Strategy, N, Report}) ->
    {ok, {#{strategy => Strategy, intensity => 1000000000, period => 1},
          [#{id => I, start => {bench_child, start_link, [{I, Report}]}}
           || I <- lists:seq(1, N)]}}.

%% --- 10a sup_restart N -----------------------------------------------------------------------

sup_restart(N) ->
    {ok, _} = supervisor:start_link(?MODULE, {one_for_one, 1, self()}),
    Child = started(1),
    T0 = bench_lib:now_ns(),
    Latencies = restarts(N, Child, []),
    T1 = bench_lib:now_ns(),
    N = length(Latencies),
    bench_lib:report("sup_restart", N, T1 - T0, bench_lib:percentiles("", Latencies)).

restarts(0, _, Latencies) ->
    Latencies;
restarts(N, Child, Latencies) ->
    T0 = bench_lib:now_ns(),
    exit(Child, kill),
    New = started(1),
    T1 = bench_lib:now_ns(),
    true = New =/= Child,
    restarts(N - 1, New, [T1 - T0 | Latencies]).

started(Id) ->
    receive {started, Id, Pid} -> Pid end.

%% --- 10b sup_many N --------------------------------------------------------------------------

sup_many(N) ->
    process_flag(trap_exit, true),
    Rounds = 20,
    Times = [round_of(N) || _ <- lists:seq(1, Rounds)],
    Start = lists:sum([S || {S, _} <- Times]),
    Stop = lists:sum([S || {_, S} <- Times]),
    bench_lib:report("sup_many", N * Rounds, Start + Stop,
                     [{"start_us", Start / Rounds / 1000}, {"stop_us", Stop / Rounds / 1000}]).

round_of(N) ->
    T0 = bench_lib:now_ns(),
    {ok, Sup} = supervisor:start_link(?MODULE, {one_for_one, N, none}),
    T1 = bench_lib:now_ns(),
    [{specs, N}, {active, N} | _] = supervisor:count_children(Sup),
    T2 = bench_lib:now_ns(),
    exit(Sup, shutdown),
    receive {'EXIT', Sup, shutdown} -> ok end,
    T3 = bench_lib:now_ns(),
    {T1 - T0, T3 - T2}.

%% --- 10c sup_all N R -------------------------------------------------------------------------

sup_all(N, R) ->
    {ok, _} = supervisor:start_link(?MODULE, {one_for_all, N, self()}),
    [_ | _] = Children = all_started(N),
    T0 = bench_lib:now_ns(),
    rounds(R, N, Children),
    T1 = bench_lib:now_ns(),
    bench_lib:report("sup_all", N * R, T1 - T0).

rounds(0, _, _) ->
    ok;
rounds(R, N, [First | _]) ->
    exit(First, kill),
    rounds(R - 1, N, all_started(N)).

all_started(N) ->
    [started(I) || I <- lists:seq(1, N)].
