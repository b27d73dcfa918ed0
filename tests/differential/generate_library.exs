# SPDX-License-Identifier: Apache-2.0
# Scenarios of family library, and what this Elixir makes of them:
#
#     elixir generate_library.exs SEED COUNT FILE      writes FILE.scn and FILE.exp
#
# Each scenario is about one of: a registry with three processes, an agent, tasks, timers. Here time is real:
# nothing that is written down may depend on how quick this machine is. What is asynchronous is waited for, and
# where a point of time was missed the scenario runs again.
Logger.configure(level: :none)
:logger.set_primary_config(:level, :none)

defmodule Text do
  def of(n) when is_integer(n), do: Integer.to_string(n)
  def of(atom) when is_atom(atom) do
    text = Atom.to_string(atom)
    if text =~ ~r/^[a-z][a-zA-Z0-9_]*$/, do: text, else: "'" <> text <> "'"
  end
  def of(tuple) when is_tuple(tuple), do: "{" <> list(Tuple.to_list(tuple)) <> "}"
  def of(list) when is_list(list), do: "[" <> list(list) <> "]"
  defp list(items), do: items |> Enum.map(&of/1) |> Enum.join(",")

  def sorted(texts), do: "[" <> (texts |> Enum.sort() |> Enum.join(",")) <> "]"

  # How a process or a call has ended, as far as both worlds say it in the same words.
  def ending({inner, {module, _, args}}) when module in [Task, GenServer] and is_list(args), do: ending(inner)
  def ending({{:nocatch, value}, _}), do: "throw " <> of(value)
  def ending({:badarith, _}), do: "error badarith"
  def ending(reason), do: of(reason)
end

defmodule Worker do
  def start, do: spawn(&loop/0)

  defp loop do
    receive do
      :stop -> :ok
      {from, request} ->
        send(from, {:done, carry_out(request)})
        loop()
    end
  end

  defp carry_out({:register, key, value}) do
    case Registry.register(Library, key, value) do
      {:ok, _} -> :ok
      {:error, {:already_registered, pid}} -> {:taken, pid}
    end
  end
  defp carry_out({:unregister, key}), do: Registry.unregister(Library, key)
  defp carry_out({:unregister_match, key, pattern}), do: Registry.unregister_match(Library, key, pattern)
  defp carry_out({:update, key, n}) do
    Registry.update_value(Library, key, fn value -> if is_integer(value), do: value + n, else: value end)
  end
end

defmodule Work do
  def run({:exit, reason}), do: exit(reason)
  def run({:throw, value}), do: throw(value)
  def run({:sleep, ms} = arg) do
    Process.sleep(ms)
    arg
  end
  def run(arg), do: arg + arg
end

defmodule Generator do
  defp pick(list), do: Enum.random(list)
  defp int(n), do: :rand.uniform(n) - 1

  # --- Steps: {what is written, what comes of it as lines}

  def scenario(:registry) do
    kind = pick([:unique, :duplicate])
    {:ok, registry} = Registry.start_link(keys: kind, name: Library, partitions: if(kind == :unique, do: 1, else: 2))
    Process.put(:workers, %{})
    steps = for _ <- 1..25, do: registry_step(kind)
    Supervisor.stop(registry)
    for {_, pid} <- Process.get(:workers), do: Process.exit(pid, :kill)
    [{"registry #{kind}", ["res ok"]} | steps]
  end

  def scenario(:agent) do
    first = pick([0, 5, :a])
    {:ok, agent} = Agent.start(fn -> first end)
    [{"agent #{Text.of(first)}", ["res ok"]} | for(_ <- 1..12, do: agent_step(agent))]
  end

  def scenario(:task), do: for(_ <- 1..6, do: task_step())

  def scenario(:timers) do
    times = Enum.take_random([0, 10, 20, 30, 40, 50, 60, 70], 5)
    list = for {ms, i} <- Enum.with_index(times), do: {ms, :"t#{i}", pick([:never, :never, 0, 20, 40])}
    [{"timers #{Text.of(list)}", timers(list)}]
  end

  defp worker(name) do
    workers = Process.get(:workers)
    case workers do
      %{^name => pid} -> pid
      _ ->
        pid = Worker.start()
        Process.put(:workers, Map.put(workers, name, pid))
        pid
    end
  end

  defp have(name, request) do
    send(worker(name), {self(), request})
    receive do {:done, result} -> result end
  end

  defp name_of(pid), do: Enum.find_value(Process.get(:workers), "p?", fn {name, at} -> at == pid && name end)
  defp pairs(list), do: Text.sorted(for {pid, value} <- list, do: "#{name_of(pid)}=#{Text.of(value)}")
  defp terms(list), do: Text.sorted(Enum.map(list, &Text.of/1))

  defp value, do: pick([0, 1, 2, {:a, 1}, {:a, 2}, :b])
  defp key, do: pick([:k1, :k2, {:k, 3}, 4])
  defp pattern, do: pick([:_, 1, {:a, :_}, {:a, 2}, :"$1"])

  defp registry_step(kind) do
    name = pick(["p1", "p2", "p3"])
    key = key()
    text = Text.of(key)
    case int(14) do
      n when n < 5 ->
        value = value()
        outcome =
          case have(name, {:register, key, value}) do
            {:taken, pid} -> "res taken #{name_of(pid)}"
            result -> "res val #{Text.of(result)}"
          end
        {"use #{name} register #{text} #{Text.of(value)}", [outcome]}
      5 -> {"use #{name} unregister #{text}", ["res val #{Text.of(have(name, {:unregister, key}))}"]}
      6 ->
        pattern = pattern()
        {"use #{name} unregister_match #{text} #{Text.of(pattern)}",
         ["res val #{Text.of(have(name, {:unregister_match, key, pattern}))}"]}
      7 when kind == :unique ->
        {"use #{name} update #{text} 3", ["res val #{Text.of(have(name, {:update, key, 3}))}"]}
      8 ->
        pid = worker(name)
        ref = Process.monitor(pid)
        send(pid, :stop)
        receive do {:DOWN, ^ref, _, _, _} -> :ok end
        for {_, partition, _, _} <- Supervisor.which_children(Library), do: await_clean(partition, pid)
        Process.put(:workers, Map.delete(Process.get(:workers), name))
        {"stop #{name}", ["res ok"]}
      9 ->
        pattern = pattern()
        {"match #{text} #{Text.of(pattern)}",
         ["res val #{pairs(Registry.match(Library, key, pattern))} #{Registry.count_match(Library, key, pattern)}"]}
      10 -> {"keys #{name}", ["res val #{terms(Registry.keys(Library, worker(name)))}"]}
      11 -> {"values #{text} #{name}", ["res val #{terms(Registry.values(Library, key, worker(name)))}"]}
      12 ->
        spec = [{{:"$1", :_, :"$2"}, pick([[], [{:is_integer, :"$2"}]]), [{{:"$2", :"$1"}}]}]
        {"select #{Text.of(spec)}",
         ["res val #{terms(Registry.select(Library, spec))} #{Registry.count_select(Library, [{{:_, :_, :_}, [], [true]}])}"]}
      13 -> {"count", ["res val #{Registry.count(Library)}"]}
      _ -> {"lookup #{text}", ["res val #{pairs(Registry.lookup(Library, key))}"]}
    end
  end

  # A partition has heard of an end when its table by process has nothing of it, and is done when it answers.
  defp await_clean(partition, pid) do
    if Registry.keys(Library, pid) != [] do
      Process.sleep(1)
      await_clean(partition, pid)
    else
      :sys.get_state(partition)
    end
  end

  # Until the agent has done what was sent to it, or has ended of it.
  defp settle(agent) do
    try do
      :sys.get_state(agent)
    catch
      :exit, _ -> await_end(agent)
    end
  end

  defp await_end(agent) do
    ref = Process.monitor(agent)
    receive do {:DOWN, ^ref, _, _, _} -> :ok end
  end

  defp function(state, {:add, n}), do: state + n
  defp function(state, {:get_add, n}), do: {state, state + n}
  defp function(_, {:exit, reason}), do: exit(reason)
  defp function(_, {:throw, value}), do: throw(value)
  defp function(_, :pop), do: :pop
  defp function(state, _), do: state

  defp agent_step(agent) do
    op = pick([:get, :get, :update, :update, :get_and_update, :cast])
    arg =
      case op do
        :get_and_update -> pick([{:get_add, 2}, {:get_add, 10}])
        :get -> pick([:state, {:add, 1}, {:get_add, 1}])
        _ -> pick([{:add, 1}, {:add, 100}, {:add, -7}])
      end
    arg = if int(12) == 0, do: pick([{:exit, :why}, {:exit, :normal}, {:throw, :ball}]), else: arg
    fun = &function(&1, arg)
    lines =
      try do
        case op do
          :get -> ["res val #{Text.of(Agent.get(agent, fun))}"]
          :update -> ["res val #{Text.of(Agent.update(agent, fun))}"]
          :get_and_update -> ["res val #{Text.of(Agent.get_and_update(agent, fun))}"]
          :cast ->
            Agent.cast(agent, fun)
            settle(agent)
            ["res ok"]
        end
      catch
        :exit, reason -> ["res exit #{Text.ending(reason)}"]
      end
    {"agent_do #{op} #{Text.of(arg)}", lines}
  end

  defp work, do: pick([1, 21, :a, {:exit, :why}, {:exit, :normal}, {:exit, {:shutdown, 1}}, {:throw, :ball}])

  defp flush do
    receive do {:EXIT, _, _} -> flush() after 0 -> :ok end
  end

  defp task_step do
    Process.flag(:trap_exit, true)
    step =
      case int(4) do
        0 -> await_step()
        1 -> yield_step()
        _ -> stream_step()
      end
    Process.sleep(2)
    flush()
    Process.flag(:trap_exit, false)
    step
  end

  defp await_step do
    arg = work()
    outcome =
      try do
        "res val " <> Text.of(Task.await(Task.async(fn -> Work.run(arg) end), :infinity))
      catch
        :exit, reason -> "res exit " <> Text.ending(reason)
      end
    {"await #{Text.of(arg)}", [outcome]}
  end

  defp yield_step do
    {arg, timeout} = pick([{work(), 1000}, {{:sleep, 100}, 20}, {{:sleep, 100}, 1000}, {{:sleep, 3000}, 20}])
    task = Task.async(fn -> Work.run(arg) end)
    outcome =
      case Task.yield(task, timeout) || Task.shutdown(task) do
        {:ok, value} -> "res ok " <> Text.of(value)
        {:exit, reason} -> "res exit " <> Text.ending(reason)
        nil -> "res nil"
      end
    {"yield #{Text.of(arg)} #{timeout}", [outcome]}
  end

  defp stream_step do
    list = for _ <- 1..(1 + int(6)), do: pick([1, 2, 3, 4, 5, work(), {:sleep, 10}, {:sleep, 3000}])
    max = pick([1, 2, 4])
    ordered = pick([true, false])
    zip = pick([true, false])
    results =
      list
      |> Task.async_stream(&Work.run/1, max_concurrency: max, ordered: ordered, timeout: 300,
        on_timeout: :kill_task, zip_input_on_exit: zip)
      |> Enum.map(fn
        {:ok, value} -> "ok " <> Text.of(value)
        {:exit, {input, reason}} when zip -> "exit #{Text.of(input)} #{Text.ending(reason)}"
        {:exit, reason} -> "exit " <> Text.ending(reason)
      end)
    lines =
      if ordered do
        for {line, i} <- Enum.with_index(results), do: String.pad_leading("#{i}", 3, "0") <> " " <> line
      else
        results
      end
    {"stream #{Text.of(list)} #{max} #{ordered} #{zip}", lines}
  end

  defp timers(list) do
    begun = System.monotonic_time(:millisecond) + 20
    refs = for {ms, name, _} <- list, do: Process.send_after(self(), {:timer, name}, begun + ms, abs: true)
    if System.monotonic_time(:millisecond) < begun, do: watch(list, refs, begun), else: again(list, refs)
  catch
    :late -> again(list, [])
  end

  defp again(list, refs) do
    Enum.each(refs, &Process.cancel_timer/1)
    Process.sleep(200)
    forget_timers()
    timers(list)
  end

  defp forget_timers do
    receive do {:timer, _} -> forget_timers() after 0 -> :ok end
  end

  defp watch(list, refs, begun) do
    Enum.reduce(Enum.map(0..10, &(&1 * 10)), [], fn now, lines ->
      wait = begun + now + 5 - System.monotonic_time(:millisecond)
      if wait > 0, do: Process.sleep(wait)
      lines = fired(lines)
      cancelled =
        for {{_, _, ^now}, ref, i} <- Enum.zip([list, refs, 0..63]) do
          "cancel #{i} #{if Process.cancel_timer(ref), do: "left", else: "false"}"
        end
      if System.monotonic_time(:millisecond) >= begun + now + 10, do: throw(:late)
      lines ++ cancelled
    end)
  end

  defp fired(lines) do
    receive do
      {:timer, name} ->
        seen = Enum.count(lines, &(not String.starts_with?(&1, "cancel")))
        fired(lines ++ [String.pad_leading("#{seen}", 3, "0") <> " " <> Text.of(name)])
    after
      0 -> lines
    end
  end
end

[seed, count, file] = System.argv()
:rand.seed(:exsss, {String.to_integer(seed), 1, 2})
kinds = [:registry, :agent, :task, :timers, :registry]

{scn, exp} =
  Enum.map(1..String.to_integer(count), fn n ->
    steps = Generator.scenario(Enum.at(kinds, rem(n, length(kinds))))
    head = "scn lib-#{seed}-#{n}\n"
    numbered = Enum.with_index(steps, 1)
    {[head, "family library\ntags -\n", for({{step, _}, i} <- numbered, do: "#{i} #{step}\n"), "end\n"],
     [head, for({{_, lines}, i} <- numbered, line <- Enum.sort(lines), do: "#{i} #{line}\n"), "end\n"]}
  end)
  |> Enum.unzip()

File.write!(file <> ".scn", scn)
File.write!(file <> ".exp", exp)
