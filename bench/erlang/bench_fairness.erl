%% SPDX-License-Identifier: Apache-2.0
%% A client that wants an answer every millisecond beside processes that compute or block:
%% fair_cpu, fair_block. Blocking is a nanosleep in a dirty I/O NIF (nif.c).
-module(bench_fairness).
-behaviour(gen_server).
-on_load(load/0).
-export([fair_cpu/2, fair_block/3, block/1]).
-export([init/1, handle_call/3, handle_cast/2]).

load() ->
    Path = filename:join(filename:dirname(code:which(?MODULE)), "bench_nif"),
    _ = erlang:load_nif(Path, 0),
    ok.

block(_Ms) ->
    erlang:nif_error(not_loaded).

init(State) -> {ok, State}.
handle_call({echo, X}, _From, State) -> {reply, X, State}.
handle_cast(_, State) -> {noreply, State}.

%% --- 13a fair_cpu H MS -----------------------------------------------------------------------

fair_cpu(H, Ms) ->
    [spawn_link(fun() -> spin(0) end) || _ <- lists:seq(1, H)],
    measure("fair_cpu", Ms, fun(_) -> [] end).

spin(X) ->
    spin((X + 1) band 16#ffffff).

%% --- 13b fair_block P B MS -------------------------------------------------------------------

fair_block(P, B, Ms) ->
    try block(0) of
        ok ->
            Count = counters:new(1, []),
            [spawn_link(fun() -> block_loop(B, Count) end) || _ <- lists:seq(1, P)],
            measure("fair_block", Ms,
                    fun(Ns) -> [{"block_ops_s", counters:get(Count, 1) * 1.0e9 / Ns}] end)
    catch
        error:not_loaded -> io:format("benchmark=fair_block peer=otp25 skip=1~n")
    end.

block_loop(B, Count) ->
    ok = block(B),
    counters:add(Count, 1, 1),
    block_loop(B, Count).

%% --- the client of both ----------------------------------------------------------------------

measure(Name, Ms, More) ->
    {ok, Server} = gen_server:start_link(?MODULE, none, []),
    T0 = bench_lib:now_ns(),
    {Late, Calls} = client(Server, T0 + Ms * 1000000, 0, [], []),
    T1 = bench_lib:now_ns(),
    Extra = More(T1 - T0),
    true = lists:min(Late) >= 0,
    bench_lib:report(Name, length(Calls), T1 - T0,
                     Extra ++ bench_lib:percentiles("", Late)
                     ++ bench_lib:percentiles("call_", Calls)),
    halt(0).

client(Server, End, I, Late, Calls) ->
    T0 = bench_lib:now_ns(),
    receive after 1 -> ok end,
    T1 = bench_lib:now_ns(),
    I = gen_server:call(Server, {echo, I}, infinity),
    T2 = bench_lib:now_ns(),
    Late1 = [T2 - T0 - 1000000 | Late],
    Calls1 = [T2 - T1 | Calls],
    if
        T2 < End -> client(Server, End, I + 1, Late1, Calls1);
        true -> {Late1, Calls1}
    end.
