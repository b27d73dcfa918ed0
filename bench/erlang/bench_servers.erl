%% SPDX-License-Identifier: Apache-2.0
%% GenServer calls and casts: call, call_full, call_many, cast, selective_call. The module is also
%% the callback module of the one server they all use: an integer that is added to.
-module(bench_servers).
-behaviour(gen_server).
-export([call/1, call_full/1, call_infinity/1, call_many/3, cast/2, selective_call/2]).
-export([init/1, handle_call/3, handle_cast/2]).

init(Start) ->
    {ok, Start}.

handle_call({add, N}, _From, State) ->
    {reply, State + N, State + N};
handle_call(get, _From, State) ->
    {reply, State, State}.

handle_cast({add, N}, State) ->
    {noreply, State + N}.

%% --- 2 call N, 2b call_full N ----------------------------------------------------------------

%% gen_server:call always has its monitor and its 5 s timeout, so call and call_full are the same.
call(N) -> call("call", N, fun calls/2).
call_full(N) -> call("call_full", N, fun calls/2).
%% Not in the definitions: the strictest opponent of a Coppice call without timeout.
call_infinity(N) -> call("call_infinity", N, fun calls_infinity/2).

call(Name, N, Calls) ->
    {ok, Server} = gen_server:start_link(?MODULE, 0, []),
    Calls(N div 10, Server),
    T0 = bench_lib:now_ns(),
    Sum = Calls(N, Server),
    T1 = bench_lib:now_ns(),
    Sum = N + N div 10,
    Latencies = timed_calls(min(N, 100000), Server, []),
    bench_lib:report(Name, N, T1 - T0, bench_lib:percentiles("", Latencies)).

calls(0, _) -> 0;
calls(1, Server) -> gen_server:call(Server, {add, 1});
calls(N, Server) -> gen_server:call(Server, {add, 1}), calls(N - 1, Server).

calls_infinity(0, _) -> 0;
calls_infinity(1, Server) -> gen_server:call(Server, {add, 1}, infinity);
calls_infinity(N, Server) ->
    gen_server:call(Server, {add, 1}, infinity),
    calls_infinity(N - 1, Server).

timed_calls(0, _, Latencies) ->
    Latencies;
timed_calls(N, Server, Latencies) ->
    T0 = bench_lib:now_ns(),
    gen_server:call(Server, {add, 1}),
    T1 = bench_lib:now_ns(),
    timed_calls(N - 1, Server, [T1 - T0 | Latencies]).

%% --- 3 call_many S C N -----------------------------------------------------------------------

call_many(S, C, N) ->
    Main = self(),
    Servers = [begin {ok, P} = gen_server:start_link(?MODULE, 0, []), P end
               || _ <- lists:seq(1, S)],
    ByIndex = list_to_tuple(Servers),
    Each = N div C,
    Clients = [begin
                   Server = element(I rem S + 1, ByIndex),
                   spawn_link(fun() ->
                       receive go -> ok end,
                       calls(Each, Server),
                       Main ! done
                   end)
               end || I <- lists:seq(0, C - 1)],
    T0 = bench_lib:now_ns(),
    [P ! go || P <- Clients],
    [receive done -> ok end || _ <- Clients],
    T1 = bench_lib:now_ns(),
    Sum = lists:sum([gen_server:call(P, get) || P <- Servers]),
    Sum = Each * C,
    bench_lib:report("call_many", Sum, T1 - T0).

%% --- 4 cast P N ------------------------------------------------------------------------------

cast(P, N) ->
    Main = self(),
    {ok, Server} = gen_server:start_link(?MODULE, 0, []),
    Each = N div P,
    Producers = [spawn_link(fun() ->
                     receive go -> ok end,
                     casts(Each, Server),
                     Main ! done
                 end) || _ <- lists:seq(1, P)],
    T0 = bench_lib:now_ns(),
    [Pid ! go || Pid <- Producers],
    [receive done -> ok end || _ <- Producers],
    Sum = gen_server:call(Server, get, infinity),
    T1 = bench_lib:now_ns(),
    Sum = Each * P,
    bench_lib:report("cast", Sum, T1 - T0, [{"peak_mb", bench_lib:memory("VmHWM") / 1.0e6}]).

casts(0, _) -> ok;
casts(N, Server) -> gen_server:cast(Server, {add, 1}), casts(N - 1, Server).

%% --- 11b selective_call B N ------------------------------------------------------------------

selective_call(B, N) ->
    [self() ! {noise, I} || I <- lists:seq(1, B)],
    {ok, Server} = gen_server:start_link(?MODULE, 0, []),
    calls(N div 10, Server),
    T0 = bench_lib:now_ns(),
    Sum = calls(N, Server),
    T1 = bench_lib:now_ns(),
    Sum = N + N div 10,
    {message_queue_len, B} = process_info(self(), message_queue_len),
    bench_lib:report("selective_call", N, T1 - T0).
