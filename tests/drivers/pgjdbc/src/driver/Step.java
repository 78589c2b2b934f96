package driver;

/** One step of the script. What it throws is unexpected: it is written down and fails the run. */
@FunctionalInterface
interface Step {
  void run(Client client) throws Exception;
}
