/* SPDX-License-Identifier: GPL-3.0-or-later */

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.freedesktop.DBus;
import org.freedesktop.dbus.DBusConnection;
import org.freedesktop.dbus.DBusInterface;
import org.freedesktop.dbus.DBusInterfaceName;
import org.freedesktop.dbus.DBusMemberName;
import org.freedesktop.dbus.DBusSigHandler;
import org.freedesktop.dbus.DBusSignal;
import org.freedesktop.dbus.Path;
import org.freedesktop.dbus.Position;
import org.freedesktop.dbus.Tuple;
import org.freedesktop.dbus.UInt64;
import org.freedesktop.dbus.Variant;
import org.freedesktop.dbus.exceptions.DBusException;
import org.freedesktop.dbus.exceptions.DBusExecutionException;

/**
 * A change of an Openbravo installation with a way back: obbackup makes a backup before it, and brings
 * all of it back if the change fails. It speaks to obbackupd over the system bus by dbus-java (Debian:
 * libdbus-java), from any system user in the group "obbackup", without a session or a terminal.
 *
 * <pre>
 * try (BackupChange change = BackupChange.begin ("erp", "before org.example.mail", listener)) {
 *   installTheModule ();
 *   change.succeeded ();
 * }
 * </pre>
 *
 * A change that is closed without having succeeded has failed, and is taken back. One whose process
 * dies stays open: "obbackupctl status" asks how it ended.
 */
public final class BackupChange implements AutoCloseable {

  /** Told of the jobs' progress, in a thread of dbus-java; bytes, @total 0 while it is not known. */
  public interface Listener {
    void progress (String phase, long done, long total);
  }

  /** A job of obbackupd did not end well. */
  public static final class BackupException extends Exception {
    private static final long serialVersionUID = 1L;

    BackupException (String message) {
      super (message);
    }
  }

  /* What of the interface is needed here; its description has all of it. */

  /** The names are Java's; the bus knows them by the annotations. */
  @DBusInterfaceName ("org.openbravo.Backup1")
  public interface Backup1 extends DBusInterface {
    @DBusMemberName ("BeginChange")
    Begun<String, Path> beginChange (String instance, String label, Map<String, Variant<?>> options);

    @DBusMemberName ("EndChange")
    Path endChange (String change, boolean succeeded, Map<String, Variant<?>> options);

    @DBusMemberName ("JobFinished")
    final class JobFinished extends DBusSignal {
      final Path job;
      final String state;
      final String error;

      public JobFinished (String path, Path job, String state, String error) throws DBusException {
        super (path, job, state, error);
        this.job = job;
        this.state = state;
        this.error = error;
      }
    }

    @DBusMemberName ("Progress")
    final class Progress extends DBusSignal {
      final Path job;
      final String phase;
      final UInt64 done;
      final UInt64 total;

      public Progress (String path, Path job, String phase, UInt64 done, UInt64 total, UInt64 rate)
          throws DBusException {
        super (path, job, phase, done, total, rate);
        this.job = job;
        this.phase = phase;
        this.done = done;
        this.total = total;
      }
    }
  }

  @DBusInterfaceName ("org.openbravo.Backup1.Job")
  public interface Job extends DBusInterface {
    @DBusMemberName ("GetResult")
    Map<String, Variant<?>> getResult (Map<String, Variant<?>> options);
  }

  public static final class Begun<A, B> extends Tuple {
    @Position (0) public final A change;
    @Position (1) public final B job;

    public Begun (A change, B job) {
      this.change = change;
      this.job = job;
    }
  }

  private static final String NAME = "org.openbravo.Backup1";
  private static final String ROOT = "/org/openbravo/Backup1";
  private static final String JOB = "org.openbravo.Backup1.Job";
  private static final List<String> AT_WORK = Arrays.asList ("queued", "running", "cancelling");
  /** Milliseconds. */
  private static final long LOOK_EVERY = 5000;
  private static final int MOST_UNANSWERED = 12;

  private final DBusConnection bus;
  private final Backup1 backup;
  private final Listener listener;
  private final Map<String, Backup1.JobFinished> finished = new HashMap<> ();
  private String change;

  private BackupChange (Listener listener) throws DBusException {
    this.listener = listener;
    bus = DBusConnection.getConnection (DBusConnection.SYSTEM);
    backup = bus.getRemoteObject (NAME, ROOT, Backup1.class);
    /* Before anything is begun, so that no end is missed. */
    bus.addSigHandler (Backup1.JobFinished.class, (DBusSigHandler<Backup1.JobFinished>) this::end);
    bus.addSigHandler (Backup1.Progress.class, (DBusSigHandler<Backup1.Progress>) this::tell);
  }

  /**
   * Backs the installation up, and returns when that is done: from then on there is something to go
   * back to.
   */
  public static BackupChange begin (String instance, String label, Listener listener)
      throws DBusException, BackupException, InterruptedException {
    BackupChange self = new BackupChange (listener);

    try {
      Begun<String, Path> begun
          = self.backup.beginChange (instance, label, new HashMap<String, Variant<?>> ());
      self.waitFor (begun.job.getPath ());
      self.change = begun.change;
      return self;
    } finally {
      if (self.change == null)
        self.bus.disconnect ();
    }
  }

  /** It went well: what there is stays. */
  public void succeeded () throws DBusException, BackupException, InterruptedException {
    finish (true);
  }

  /** It went wrong: returns when all is as it was before. */
  public void failed () throws DBusException, BackupException, InterruptedException {
    finish (false);
  }

  @Override
  public void close () throws DBusException, BackupException, InterruptedException {
    try {
      if (change != null)
        failed ();
    } finally {
      bus.disconnect ();
    }
  }

  private void finish (boolean well) throws DBusException, BackupException, InterruptedException {
    String ended = change;
    Path job = null;

    change = null;
    job = backup.endChange (ended, well, new HashMap<String, Variant<?>> ());
    if (!"/".equals (job.getPath ()))
      waitFor (job.getPath ());
  }

  private synchronized void end (Backup1.JobFinished signal) {
    finished.put (signal.job.getPath (), signal);
    notifyAll ();
  }

  private void tell (Backup1.Progress signal) {
    if (listener != null)
      listener.progress (signal.phase, signal.done.longValue (), signal.total.longValue ());
  }

  private void waitFor (String job) throws DBusException, BackupException, InterruptedException {
    Backup1.JobFinished end = null;
    int unanswered = 0;

    while (end == null) {
      synchronized (this) {
        if (!finished.containsKey (job))
          wait (LOOK_EVERY);
        end = finished.remove (job);
      }
      /* The service may have been restarted meanwhile: then nobody sends the signal. */
      if (end == null) {
        try {
          end = look (job);
          unanswered = 0;
        } catch (DBusExecutionException e) {
          if (++unanswered == MOST_UNANSWERED)
            throw e;
        }
      }
    }
    /* A partial backup is one to go back to; what it lacks is in its warnings. */
    if (!"succeeded".equals (end.state) && !"partial".equals (end.state))
      throw new BackupException (describe (job, end));
  }

  /* How the job ended; null while it is at work. */
  private Backup1.JobFinished look (String job) throws DBusException {
    DBus.Properties properties = bus.getRemoteObject (NAME, job, DBus.Properties.class);
    String state = properties.Get (JOB, "State");

    if (AT_WORK.contains (state))
      return null;
    return new Backup1.JobFinished (ROOT, new Path (job), state, properties.Get (JOB, "ErrorName"));
  }

  /* The sentence comes from a method: signals are read by everybody, and carry no text. */
  private String describe (String job, Backup1.JobFinished end) throws DBusException {
    Variant<?> text = bus.getRemoteObject (NAME, job, Job.class)
        .getResult (new HashMap<String, Variant<?>> ()).get ("error");

    return text != null ? text.getValue ().toString () : end.state + " " + end.error;
  }

  /** Runs a command with a way back: BackupChange INSTANCE LABEL COMMAND… */
  public static void main (String[] args) throws Exception {
    String[] command = Arrays.copyOfRange (args, 2, args.length);
    int status = 1;

    try (BackupChange change = begin (args[0], args[1], (phase, done, total) ->
        System.err.println (phase + " " + done + " " + total))) {
      System.err.println ("begun " + change.change);
      status = new ProcessBuilder (command).inheritIO ().start ().waitFor ();
      if (status == 0)
        change.succeeded ();
      else
        change.failed ();
      System.err.println (status == 0 ? "kept" : "taken back");
    }
    System.exit (status);
  }
}
