%% SPDX-License-Identifier: Apache-2.0
%% What is typed on an Erlang node that is connected to tests/interop_node: the acceptance table of
%% docs/spec/distribution.md, section 19.1. Run by cluster.py; each test is a function t_..., which
%% returns true, or whatever it got instead.
-module(cluster).
-export([main/0, server/0]).
-compile(nowarn_export_all).
-compile(export_all).

main() ->
    [Group, Name | _] = init:get_plain_arguments(),
    Node = list_to_atom(Name),
    process_flag(trap_exit, true),
    pong = net_adm:ping(Node),
    Tests = [F || {F, 1} <- ?MODULE:module_info(exports),
                  lists:prefix("t_" ++ Group, atom_to_list(F))],
    Failed = [F || F <- Tests, not passes(F, Node)],
    io:format("~p passed, ~p failed~n", [length(Tests) - length(Failed), length(Failed)]),
    erlang:halt(0).

passes(F, Node) ->
    flush(),
    case catch ?MODULE:F(Node) of
        true -> true;
        Got -> io:format("~p: ~p~n", [F, Got]), false
    end.

flush() -> receive _ -> flush() after 0 -> ok end.

next() -> next(5000).
next(T) -> receive X -> X after T -> nothing end.

until(F) -> until(F, 300).
until(F, 0) -> {never, F()};
until(F, N) -> case F() of true -> true; _ -> timer:sleep(10), until(F, N - 1) end.

pid(Node, Name) -> rpc:call(Node, erlang, whereis, [Name]).

other_pid(Node, Name, Old) ->
    true = until(fun() -> P = pid(Node, Name), is_pid(P) andalso P =/= Old end),
    pid(Node, Name).

%% --- 1 to 13: calls, monitors, links, exits, sys, supervisors, rpc ----------------------------------

t_table_01_ping_d01_d27_d105(N) ->
    {net_adm:ping(N), lists:member(N, nodes())} =:= {pong, true}.

t_table_02_calls_d97_d98(N) ->
    A = gen_server:call({counter, N}, get),
    [gen_server:call({counter, N}, incr) || _ <- [1, 2, 3]] =:= [A + 1, A + 2, A + 3].

t_table_03_casts_d97(N) ->
    A = gen_server:call({counter, N}, get),
    gen_server:cast({counter, N}, {add, 5}),
    gen_server:call({counter, N}, get) =:= A + 5.

%% Every tag, and integers at all limits: D-170.
terms() ->
    [0, 255, 256, -1, 1 bsl 27, -(1 bsl 27) - 1, 1 bsl 31, -(1 bsl 31), 1 bsl 59, 1 bsl 60, 1 bsl 63,
     -(1 bsl 63), 1 bsl 64, -(1 bsl 64), 1 bsl 1000, -(1 bsl 3000), 0.0, -0.0, 1.5, 5.0e-324, 1.0e308,
     '', atom, 'with space', list_to_atom(lists:duplicate(255, $a)), 'häß', list_to_atom([16#4e2d]),
     <<>>, <<"x">>, <<1:1>>, <<1:2>>, <<1:3>>, <<1:4>>, <<1:5>>, <<1:6>>, <<1:7>>, <<300:15>>,
     binary:copy(<<"ab">>, 100), [], [a | b], [1, 2, 3], lists:seq(1, 255), "text",
     lists:duplicate(65535, 1), lists:duplicate(65536, 1), lists:seq(1, 3000),
     lists:foldl(fun(_, L) -> [L] end, [], lists:seq(1, 10000)), {}, {a}, {1, {2, {3}}},
     list_to_tuple(lists:seq(1, 300)), #{}, #{a => 1, "b" => [2], 1.0 => x, 1 => y},
     maps:from_list([{I, I} || I <- lists:seq(1, 33)]),
     maps:from_list([{{k, I}, I} || I <- lists:seq(1, 10000)]), self(), make_ref(), fun lists:map/2,
     fun(X) -> X + 1 end, hd(erlang:ports()), alias()].

t_table_04_echo_d170_p137(N) ->
    case [T || T <- terms(), gen_server:call({echo, N}, T) =/= T] of [] -> true; Bad -> Bad end.

t_table_04_their_pids_d09_d11(N) ->
    P = pid(N, echo),
    {gen_server:call({echo, N}, {P, [P]}), node(P)} =:= {{P, [P]}, N}.

t_table_05_noproc_d73(N) ->
    case catch gen_server:call({nosuch, N}, x) of
        {'EXIT', {noproc, _}} -> true; X -> X
    end.

t_table_06_timeout_d98_d100(N) ->
    case catch gen_server:call({counter, N}, sleep, 100) of
        {'EXIT', {timeout, _}} -> next(200) =:= nothing; X -> X
    end.

t_table_07_crash_d73_d77(N) ->
    P = pid(N, counter),
    R = erlang:monitor(process, {counter, N}),
    gen_server:cast({counter, N}, crash),
    {'DOWN', R, process, {counter, N}, {crashed, [_ | _]}} = next(),
    other_pid(N, counter, P),
    nothing = next(50),
    is_integer(gen_server:call({counter, N}, incr)).

t_table_07_demonitor_d74(N) ->
    P = pid(N, counter),
    R = erlang:monitor(process, {counter, N}),
    true = erlang:demonitor(R),
    gen_server:call({counter, N}, get),
    gen_server:cast({counter, N}, crash),
    other_pid(N, counter, P),
    next(50) =:= nothing.

t_table_08_links_d71_d72(N) ->
    P = pid(N, counter),
    link(P), unlink(P), link(P),
    {links, L} = rpc:call(N, erlang, process_info, [P, links]),
    true = lists:member(self(), L),
    gen_server:cast(P, crash),
    {'EXIT', P, {crashed, _}} = next(),
    other_pid(N, counter, P),
    nothing = next(50),
    link(P),
    next() =:= {'EXIT', P, noproc}.

t_table_08_unlinked_d71_p135(N) ->
    P = pid(N, counter),
    link(P), unlink(P),
    gen_server:cast(P, crash),
    other_pid(N, counter, P),
    next(50) =:= nothing.

t_table_09_exits_d76(N) ->
    P = pid(N, counter),
    exit(P, normal),
    true = rpc:call(N, erlang, is_process_alive, [P]),
    R = monitor(process, P),
    exit(P, kill),
    {'DOWN', R, process, P, killed} = next(),
    other_pid(N, counter, P),
    R2 = monitor(process, P),
    next() =:= {'DOWN', R2, process, P, noproc}.

t_table_09_not_what_makes_the_node(N) ->
    P = pid(N, net_kernel),
    exit(P, kill),
    exit(pid(N, rex), kill),
    {badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, erlang, exit, [P, kill]),
    P =:= pid(N, net_kernel).

t_table_10_sys_d102_d103(N) ->
    A = gen_server:call({counter, N}, get),
    #{count := A} = sys:get_state({counter, N}),
    {status, _, {module, gen_server}, [_, running | _]} = sys:get_status({counter, N}),
    ok = sys:suspend({counter, N}),
    {'EXIT', {timeout, _}} = (catch gen_server:call({counter, N}, get, 100)),
    ok = sys:resume({counter, N}),
    A = gen_server:call({counter, N}, get),
    true.

t_table_10_no_fun_runs_d101(N) ->
    case catch sys:replace_state({counter, N}, fun(S) -> S end) of
        {'EXIT', _} -> true; {error, _} -> true; X -> X
    end.

t_table_11_supervisor_d104(N) ->
    C = supervisor:which_children({sup, N}),
    [counter, echo, w1, w2, w3] = lists:sort([Id || {Id, P, worker, [_]} <- C, is_pid(P)]),
    lists:sort(supervisor:count_children({sup, N})) =:=
        [{active, 5}, {specs, 5}, {supervisors, 0}, {workers, 5}].

t_table_12_children_d101(N) ->
    ok = supervisor:terminate_child({sup, N}, w1),
    {ok, P} = supervisor:restart_child({sup, N}, w1),
    is_pid(P).

t_table_13_rpc_d106(N) ->
    3 = rpc:call(N, demo, add, [1, 2]),
    3 = erpc:call(N, demo, add, [1, 2]),
    {badrpc, {'EXIT', {undef, [{demo, nosuch, [1], []} | _]}}} = rpc:call(N, demo, nosuch, [1]),
    {'EXIT', {{exception, undef, [{demo, nosuch, [1], []} | _]}, _}} =
        (catch erpc:call(N, demo, nosuch, [1])),
    thrown = (catch erpc:call(N, demo, throw, [thrown])),
    thrown = rpc:call(N, demo, throw, [thrown]),
    {'EXIT', {exception, left}} = (catch erpc:call(N, demo, exit, [left])),
    {badrpc, {'EXIT', left}} = rpc:call(N, demo, exit, [left]),
    {'EXIT', {{exception, bad, [_ | _]}, _}} = (catch erpc:call(N, demo, error, [bad])),
    {badrpc, {'EXIT', {bad, _}}} = rpc:call(N, demo, error, [bad]),
    {'EXIT', {{erpc, timeout}, _}} = (catch erpc:call(N, demo, loop, [], 50)),
    nothing = next(50),
    true.

t_table_13_rpc_casts_d107_d109(N) ->
    ok = erpc:cast(N, erlang, send, [self(), cast]),
    cast = next(),
    true = rpc:cast(N, erlang, send, [self(), rcast]),
    rcast = next(),
    7 = rpc:block_call(N, demo, add, [3, 4]),
    Key = rpc:async_call(N, demo, add, [5, 6]),
    11 = rpc:yield(Key),
    abcast = rpc:abcast([N], nosuch, x),
    {Good, Bad} = rpc:sbcast([N, node()], echo, {'$gen_cast', {self(), sbcast}}),
    {sbcast, [N], [_]} = {next(), Good, Bad},
    N = gen_server:call({rex, N}, {call, erlang, node, [], self()}),
    {rex, N} ! hello,
    true.

t_table_13_fixed_functions_d110_d111(N) ->
    N = rpc:call(N, erlang, node, []),
    true = lists:member(node(), rpc:call(N, erlang, nodes, [])),
    true = lists:member(counter, rpc:call(N, erlang, registered, [])),
    P = pid(N, counter),
    true = lists:member(P, rpc:call(N, erlang, processes, [])),
    {registered_name, counter} = rpc:call(N, erlang, process_info, [P, registered_name]),
    true = is_list(rpc:call(N, erlang, process_info, [P])),
    true = is_list(rpc:call(N, erlang, system_info, [otp_release])),
    {badrpc, {'EXIT', {undef, _}}} = rpc:call(N, os, cmd, ["true"]),
    true.

%% What etop asks for, in its records of OTP 25.
t_table_13_etop(N) ->
    {ok, [_ | _]} = rpc:call(N, observer_backend, vsn, []),
    P = spawn_link(N, observer_backend, etop_collect, [self()]),
    {P, {etop_info, {_, _, _}, Count, undefined, undefined, RunQueue, [], Memory, Processes}} = next(),
    {'EXIT', P, normal} = next(),
    Count = length(Processes),
    true = is_integer(RunQueue) andalso proplists:get_value(total, Memory) > 0,
    [{etop_proc_info, C, Bytes, Reductions, counter, 0, {_, _, _}, 0}] =
        [I || I <- Processes, element(5, I) =:= counter],
    C = pid(N, counter),
    true = Bytes > 0 andalso is_integer(Reductions),
    true = rpc:call(N, erlang, memory, [total]) > 0,
    {_, _} = rpc:call(N, erlang, statistics, [reductions]),
    true.

t_table_14_multicall_d106(N) ->
    erpc:multicall([node(), N, 'nosuch@127.0.0.1'], erlang, node, []) =:=
        [{ok, node()}, {ok, N}, {error, {erpc, noconnection}}].

t_table_15_spawn_d78_d79_d80(N) ->
    P = spawn_link(N, demo, loop, []),
    N = node(P),
    P ! {self(), hello},
    {P, hello} = next(),
    P ! {exit, bye},
    {'EXIT', P, bye} = next(),
    {P2, R2} = spawn_monitor(N, demo, loop, []),
    P2 ! {exit, bye},
    {'DOWN', R2, process, P2, bye} = next(),
    R3 = spawn_request(N, demo, nosuch, [], [monitor]),
    {spawn_reply, R3, ok, P3} = next(),
    {'DOWN', R3, process, P3, {undef, [{demo, nosuch, [], []}]}} = next(),
    R4 = spawn_request(N, demo, loop, [], [link, {priority, high}, {reply_tag, tag}]),
    {tag, R4, ok, P4} = next(),
    {links, [_]} = rpc:call(N, erlang, process_info, [P4, links]),
    exit(P4, kill),
    {'EXIT', P4, killed} =:= next().

t_table_15_proc_lib_d108(N) ->
    P = proc_lib:spawn(N, demo, loop, []),
    P ! {self(), hi},
    {P, hi} = next(),
    exit(P, kill),
    F = spawn(N, fun() -> ok end),
    R = monitor(process, F),
    case next() of
        {'DOWN', R, process, F, {undef, _}} -> true;
        {'DOWN', R, process, F, noproc} -> true;
        X -> X
    end.

t_table_15_leader_d82_d85_p138(N) ->
    P = spawn(N, demo, loop, []),
    {group_leader, L} = rpc:call(N, erlang, process_info, [P, group_leader]),
    L = group_leader(),
    group_leader(self(), P),
    true = until(fun() -> rpc:call(N, erlang, process_info, [P, group_leader]) =:=
                          {group_leader, self()} end),
    exit(P, kill).

t_table_16_multi_call_d98(N) ->
    {[{N, A}], [B]} = gen_server:multi_call([node(), N], counter, incr, 1000),
    is_integer(A) andalso B =:= node().

t_table_17_large_d57_d59(N) ->
    Parent = self(),
    Pinger = spawn_link(fun() -> pinger(N, Parent, 0) end),
    B = binary:copy(<<"0123456789abcdef">>, 500000),
    L = lists:seq(1, 100000),
    B = gen_server:call({echo, N}, B, 30000),
    L = gen_server:call({echo, N}, L, 30000),
    Pinger ! stop,
    receive {slowest, Ms} -> Ms < 1000 orelse {slowest_ms, Ms} end.

pinger(N, Parent, Max) ->
    {Us, _} = timer:tc(fun() -> gen_server:call({echo, N}, ping, 30000) end),
    receive stop -> unlink(Parent), Parent ! {slowest, max(Max, Us) div 1000}
    after 10 -> pinger(N, Parent, max(Max, Us))
    end.

%% --- 21, 22: pg, 25: from there to here ------------------------------------------------------------

t_groups_21_pg_d122_d123_d124_d125_d126_d127(N) ->
    pg:start(pg),
    true = until(fun() -> length([P || P <- pg:get_members(workers), node(P) =:= N]) =:= 3 end),
    ok = pg:join(workers, self()),
    ok = pg:join(workers, self()),
    true = until(fun() -> Here = lists:sort(pg:get_members(workers)),
                          case lists:sort(rpc:call(N, demo, members, [workers])) of
                              Here -> true; There -> {Here, There} end end),
    ok = pg:leave(workers, self()),
    ok = pg:leave(workers, self()),
    true = until(fun() -> length(rpc:call(N, demo, members, [workers])) =:= 3 end),
    [P | _] = pg:get_members(workers),
    exit(P, kill),
    true = until(fun() -> not lists:member(P, pg:get_members(workers)) end),
    true = until(fun() -> length(pg:get_members(workers)) =:= 3 end),
    Tmp = spawn(fun() -> pg:join(tmp, self()), receive _ -> ok end end),
    true = until(fun() -> rpc:call(N, demo, members, [tmp]) =:= [Tmp] end),
    Tmp ! stop,
    until(fun() -> rpc:call(N, demo, members, [tmp]) =:= [] end).

t_groups_21_scope_ends_d126_pg07(N) ->
    pg:start(pg),
    pg:join(here, self()),
    true = until(fun() -> rpc:call(N, demo, members, [here]) =:= [self()] end),
    gen_server:stop(pg),
    true = until(fun() -> rpc:call(N, demo, members, [here]) =:= [] end),
    pg:start(pg),
    until(fun() -> length([P || P <- pg:get_members(workers), node(P) =:= N]) =:= 3 end).

%% What a node with Phoenix.PubSub is made of: a member in each group, which is registered too.
t_groups_22_pubsub_d128_d129_d130_d131(N) ->
    Scope = 'Elixir.Phoenix.PubSub',
    Names = ['Elixir.bridge.Adapter' | [list_to_atom("Elixir.bridge.Adapter_" ++ integer_to_list(I))
                                        || I <- [2, 3, 4]]],
    pg:start(Scope),
    Self = self(),
    [spawn(fun() -> register(Name, self()), ok = pg:join(Scope, Name, self()), adapter(Self) end)
     || Name <- Names],
    [true = until(fun() -> length(pg:get_members(Scope, Name)) =:= 2 end) || Name <- Names],
    Broadcast = fun(Name, Topic, M) ->
                        [P ! {forward_to_local, Topic, M, 'Elixir.Some.Dispatcher'}
                         || P <- pg:get_members(Scope, Name), node(P) =/= node()]
                end,
    [begin
         Broadcast(Name, <<"ping">>, {hello, I}),
         {forward_to_local, <<"pong">>, {hello, I}, Scope} = next(),
         nothing = next(30)
     end || {I, Name} <- lists:zip([1, 2, 3, 4], Names)],
    {'Elixir.bridge.Adapter', N} ! {forward_to_local, <<"ping">>, direct, Scope},
    {forward_to_local, <<"pong">>, direct, Scope} = next(),
    Broadcast(hd(Names), <<"other">>, x),
    next(30) =:= nothing.

adapter(To) -> receive M -> To ! M, adapter(To) end.

server() ->
    receive
        {'$gen_call', {_, [alias | R] = Tag}, {echo, X}} -> R ! {Tag, {here, X}};
        {'$gen_call', {_, [alias | R] = Tag}, {twice, X}} -> R ! {Tag, X}, R ! {Tag, again};
        {'$gen_call', _, {die, X}} -> exit(X);
        {'$gen_call', _, ignore} -> ok;
        {exit, X} -> exit(X)
    end,
    server().

start_server() ->
    catch exit(whereis(srv), kill),
    true = until(fun() -> whereis(srv) =:= undefined end),
    register(srv, P = spawn(fun server/0)),
    P.

t_ours_25_calls_d84_d97_d99_d100(N) ->
    start_server(),
    {here, [1, two]} = rpc:call(N, demo, call, [{srv, node()}, {echo, [1, two]}]),
    {here, x} = rpc:call(N, demo, call, [srv_pid(), {echo, x}]),
    x = rpc:call(N, demo, call, [srv_pid(), {twice, x}]),
    {badrpc, {'EXIT', {gone, {gen_server, call, _}}}} =
        rpc:call(N, demo, call, [{srv, node()}, {die, gone}]),
    {badrpc, {'EXIT', {noproc, {gen_server, call, _}}}} =
        rpc:call(N, demo, call, [{srv, node()}, {echo, x}]),
    {badrpc, {'EXIT', {{nodedown, 'nosuch@127.0.0.1'}, _}}} =
        rpc:call(N, demo, call, [{srv, 'nosuch@127.0.0.1'}, {echo, x}]),
    start_server(),
    {badrpc, {'EXIT', {timeout, _}}} = rpc:call(N, demo, call, [{srv, node()}, ignore, 50]),
    true.

srv_pid() -> whereis(srv).

t_ours_25_ties_d71_d75_p63_p136(N) ->
    P = start_server(),
    W = spawn(N, demo, watch, [self(), [P, {srv, node()}], [P]]),
    {W, watching} = next(),
    P ! {exit, bye},
    A = node(),
    [{'EXIT', P, bye}, {'DOWN', process, P, bye}, {'DOWN', process, {srv, A}, bye}] =
        lists:sort([told(W) || _ <- [1, 2, 3]]),
    W2 = spawn(N, demo, watch, [self(), [P, {srv, node()}], [P]]),
    {W2, watching} = next(),
    [{'EXIT', P, noproc}, {'DOWN', process, P, noproc}, {'DOWN', process, {srv, A}, noproc}] =
        lists:sort([told(W2) || _ <- [1, 2, 3]]),
    true.

told(W) -> receive {W, told, {'DOWN', _, T, O, R}} -> {'DOWN', T, O, R}; {W, told, X} -> X
           after 5000 -> nothing end.

child(To) -> To ! {child, self()}, receive never -> ok end.

%% A supervisor there whose child is a process here.
t_ours_25_supervises(N) ->
    P = spawn(N, demo, supervise, [self(), node()]),
    First = receive {child, C1} -> C1 after 5000 -> nothing end,
    receive {P, 0} -> ok after 5000 -> exit(no_supervisor) end,
    {A, [{far, First, worker, _}]} = {node(First), supervisor:which_children({far_sup, N})},
    A = node(),
    exit(First, kill),
    Second = receive {child, C2} -> C2 after 5000 -> nothing end,
    [{far, Second, worker, _}] = supervisor:which_children({far_sup, N}),
    R = monitor(process, Second),
    ok = supervisor:terminate_child({far_sup, N}, far),
    {'DOWN', R, process, Second, shutdown} = next(),
    {ok, Third} = supervisor:restart_child({far_sup, N}, far),
    {child, Third} = next(),
    R3 = monitor(process, Third),
    P ! stop,
    {'DOWN', R3, process, Third, shutdown} =:= next().

t_ours_25_erpc_d81(N) ->
    3 = rpc:call(N, demo, erpc, [node(), erlang, '+', [1, 2]]),
    {badrpc, {'EXIT', {{exception, oops, [_ | _]}, _}}} =
        rpc:call(N, demo, erpc, [node(), erlang, error, [oops]]),
    {badrpc, {'EXIT', {exception, oops}}} = rpc:call(N, demo, erpc, [node(), erlang, exit, [oops]]),
    oops = rpc:call(N, demo, erpc, [node(), erlang, throw, [oops]]),
    {badrpc, {'EXIT', {{exception, undef, _}, _}}} =
        rpc:call(N, demo, erpc, [node(), nosuch, nosuch, []]),
    {badrpc, {'EXIT', {{erpc, noconnection}, _}}} =
        rpc:call(N, demo, erpc, ['nosuch@127.0.0.1', erlang, node, []]),
    true.

t_ours_25_spawn_d81_d82_d112(N) ->
    {ok, P} = rpc:call(N, demo, spawn, [node(), cluster, server, []]),
    {A, true} = {node(P), is_process_alive(P)},
    A = node(),
    {group_leader, L} = process_info(P, group_leader),
    N = node(L),
    ok = io:format(L, "printed ~p on ~s~n", [{by, erlang}, N]),
    ok = io:put_chars(L, "and plainly\n"),
    {error, enotsup} = io:get_line(L, "> "),
    exit(P, kill).

t_ours_25_state_d102(N) ->
    {ok, P} = gen_event:start({local, some_events}),
    S = sys:get_state(P),
    S = rpc:call(N, demo, get_state, [P]),
    true.

%% In C the start says so; Erlang's gives a pid that ends with noconnection.
t_ours_unreachable_p10(N) ->
    {error, noconnection} = rpc:call(N, demo, spawn, ['nosuch@127.0.0.1', demo, loop, []]),
    true.

t_ours_aliases_d62(N) ->
    A = alias(),
    true = rpc:call(N, erlang, send, [A, through]) =:= through,
    through = next(),
    unalias(A),
    rpc:call(N, erlang, send, [A, late]),
    next(50) =:= nothing.

t_ours_order_d158(N) ->
    P = spawn(N, demo, count_to, [self(), 20000]),
    Got = [receive {P, I} -> I after 5000 -> nothing end || _ <- lists:seq(1, 20000)],
    Got =:= lists:seq(1, 20000).

t_ours_order_with_large_d60(N) ->
    P = spawn(N, demo, large_then_small, [self(), 3000000]),
    {P, B} = next(10000),
    {P, small} = next(),
    size(B) =:= 3000000.

%% --- nodes that come and go: run last ------------------------------------------------------------------

t_end_monitor_node_d44_d83_d162(N) ->
    E = pid(N, echo),
    P = spawn(N, demo, watch, [self(), [], []]),
    {P, watching} = next(),
    R = monitor(process, P),
    R2 = monitor(process, E),
    link(P),
    {links, [_]} = rpc:call(N, erlang, process_info, [P, links]),
    monitor_node(N, true),
    net_kernel:monitor_nodes(true),
    true = erlang:disconnect_node(N),
    [receive M -> ok after 5000 -> exit({missing, M}) end
     || M <- [{nodedown, N}, {nodedown, N}, {'EXIT', P, noconnection},
              {'DOWN', R, process, P, noconnection}, {'DOWN', R2, process, E, noconnection}]],
    pong = net_adm:ping(N),
    [receive M -> ok after 5000 -> exit({missing, M}) end
     || M <- [{nodeup, N}, {P, told, {'EXIT', self(), noconnection}}]],
    {links, []} = rpc:call(N, erlang, process_info, [P, links]),
    {monitored_by, []} = rpc:call(N, erlang, process_info, [E, monitored_by]),

    net_kernel:monitor_nodes(false),
    true.

t_end_their_side_d83(N) ->
    W = spawn(N, demo, watch, [self(), [start_server()], [self()]]),
    {W, watching} = next(),
    true = erlang:disconnect_node(N),
    pong = net_adm:ping(N),
    [{'EXIT', _, noconnection}, {'DOWN', process, _, noconnection}] =
        lists:sort([told(W) || _ <- [1, 2]]),
    true.

t_end_trace_tokens_d70(N) ->
    seq_trace:set_token(label, 17),
    A = gen_server:call({counter, N}, get),
    seq_trace:set_token([]),
    is_integer(A).

%% 24: both connect at the same instant, again and again: D-35.
t_zz_simultaneous_d35_d36_d38(N) ->
    L = [simultaneous(N, I) || I <- lists:seq(1, 100)],
    case [X || {pong, pong, Ms} = X <- L, Ms < 2000] of
        L -> true;
        _ -> lists:usort(L)
    end.

%% What both pings say, and how long it took. The other side may have to be told anew, when its
%% attempt has been cut off by our disconnecting.
simultaneous(N, I) ->
    simultaneous(N, I, 3).

%% An answer that went over the connection that we cut is lost, as it may be: then once more.
simultaneous(N, I, Tries) ->
    Self = self(),
    P = spawn(N, demo, ping_later, [Self, node(), 20 + I rem 3]),
    receive {P, waiting} -> ok end,
    erlang:disconnect_node(N),
    T0 = erlang:monotonic_time(millisecond),
    timer:sleep(20),
    A = net_adm:ping(N),
    B = receive {P, Result} -> Result after 5000 -> lost_or_hangs(P) end,
    case B of
        lost when Tries > 1 -> simultaneous(N, I, Tries - 1);
        _ -> {A, B, erlang:monotonic_time(millisecond) - T0}
    end.

%% It has answered and ended, or it is still at it.
lost_or_hangs(P) ->
    Ref = monitor(process, P),
    receive {'DOWN', Ref, process, P, _} -> lost after 5000 -> hangs end.
