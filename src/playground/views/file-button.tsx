interface FileButtonProps {
  readonly label: string;
  readonly accept?: string;
  /** Whether a folder is chosen, with all that is in it. */
  readonly folder?: boolean;
  readonly onFiles: (files: FileList) => void;
}

/** A file input that looks like a button and is one to the keyboard. */
export function FileButton({ label, accept, folder = false, onFiles }: FileButtonProps) {
  const take = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    if (currentTarget.files && currentTarget.files.length > 0) onFiles(currentTarget.files);
    // The same file may be chosen again.
    currentTarget.value = "";
  };
  return (
    <label class="file-button">
      {label}
      <input type="file" accept={accept} onChange={take} {...(folder ? { webkitdirectory: true } : {})} />
    </label>
  );
}
