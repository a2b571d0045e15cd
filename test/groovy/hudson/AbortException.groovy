package hudson

/** Stands for Jenkins' own: a failure that is told in one line, without a stack trace. */
class AbortException extends IOException {

    AbortException(String message) {
        super(message)
    }

}
